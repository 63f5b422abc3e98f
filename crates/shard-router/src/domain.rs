//! Pure rules: the first map, what a change may do, blocks of ids.

pub mod batches;
pub mod block;
pub mod change;
pub mod first_map;
