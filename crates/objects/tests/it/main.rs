//! The contract suite, run over every engine.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod contract;
mod local;
mod s3;
