//! Session-service through gRPC, on real shards, one and four: SQLite files, and databases of a real PostgreSQL server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod ending;
mod idempotency;
mod lifetime;
mod nodes;
mod sign_in;
mod wrong_passwords;

/// Every behaviour holds however many shards there are.
const SHARDS: [u32; 2] = [1, 4];
