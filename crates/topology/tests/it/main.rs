//! The topology library against a router made here and against real SQLite shards.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod fake_router;
mod ids;
mod map;
mod replicas;
mod samples;
mod shards;
mod snapshot;
mod watch;
