//! How a bucket moves, as rules: the steps of a move, what each makes of the owner rows on either side, and which shard should own what.
//!
//! Pure: no database, no clock, no network. `shard-router` does what is decided here; `tests/it` lets a model checker loose on it.

pub mod in_place;
pub mod owner;
pub mod placement;
pub mod step;

pub use owner::{Found, Side, Terms, Verdict, judge, take_over};
pub use step::Step;
