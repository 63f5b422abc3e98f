//! gRPC between processes: who is asked when servers come, go, freeze and drain; deadlines; keys; bad input.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod bad_input;
mod balance;
mod deadlines;
mod faults;
mod identity;
mod load;
mod world;
