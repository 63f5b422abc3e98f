//! The rules, pure: no I/O, no clock, no randomness; time and chance are parameters.

pub mod backoff;
pub mod claim;
pub mod image_job;
pub mod merge;
pub mod replay;
pub mod worn_picture;
