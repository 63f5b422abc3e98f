//! The contract of the in-process queue. // R51 (groundwork: no job is lost on its way to a worker)
#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod in_process;
