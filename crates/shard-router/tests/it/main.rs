//! The router on real SQLite files and on a real PostgreSQL server, reached through a real gRPC channel.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod catalog;
mod client;
mod cluster;
mod full;
mod growth;
mod lease;
mod ledger;
mod matrix;
mod measures;
mod partitions;
mod replicas;
mod simulation;
mod start;
mod users;
mod volume;
mod watch;
