//! The service through its gRPC clients, on real shards: SQLite files in a directory of the test's own, and databases of a
//! PostgreSQL server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails here; its tasks end with it"
)]

mod account;
mod counting;
mod crash;
mod feed;
mod halts;
mod idempotency;
mod images;
mod interleavings;
mod list;
mod operator;
mod orphans;
mod outbox;
mod partitions;
mod password;
mod profile;
mod queue;
mod replicas;
mod router;
mod sessions;
mod sign_up;
mod start;
mod world;
