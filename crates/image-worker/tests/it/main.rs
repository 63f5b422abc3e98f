//! The worker against a fake user-service, with real objects and real processes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod budget;
mod drain;
mod failures;
mod fake;
mod house;
mod jobs;
mod process;
