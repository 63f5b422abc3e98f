//! Events that leave with a change: written in its transaction, delivered at least once, deleted when delivered.

pub mod deliver;
pub mod dispatcher;
pub mod event;
pub mod poke;
