//! The PostgreSQL engine against the suite of every engine, on a real server, and what is its own: cut connections, killed and frozen
//! servers, roles, starts that must fail.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod contract;
mod faults;
mod replicas;
mod roles;
mod start;
mod world;

/// The time, where any will do.
const NOW: i64 = 1_700_000_000_000;
