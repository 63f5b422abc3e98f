//! The contract suite, run over every engine.
#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod local;
