//! SQLite as an engine of the shard store: one file, one writer thread with grouped durable commits, a few reader threads.
//!
//! Concurrent writers share one sync of the log: the writer thread opens one transaction, runs each job in a savepoint of its
//! own, takes in what has arrived meanwhile, commits once, and only then answers everybody. A job that fails is rolled back
//! alone.

mod create;
mod dialect;
mod engine;
mod error;
#[cfg(feature = "inline")]
mod inline;
mod open;
mod options;
mod position;
mod readers;
mod session;
mod transaction;
mod writer;

pub use engine::Sqlite;
#[cfg(feature = "inline")]
pub use inline::Inline;
pub use options::Options;
