//! Rules of the worker, free of I/O: what a picture costs, how a transformation ended, what is said of a failure.

pub mod cost;
pub mod ending;
pub mod failure;
