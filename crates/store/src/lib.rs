//! The shard store: what a shard's database must be able to do (`engine`), what lies in it (`schema`, `tables`), and the rule
//! that every write obeys (`Shard::write`): one transaction, one bucket, checked against the bucket's owner row.
//!
//! Engines live in crates of their own and pass the suite in `contract`. SQL here is what SQLite and PostgreSQL have in common.

pub mod bucket_tx;
#[cfg(feature = "contract")]
pub mod contract;
pub mod copies;
pub mod engine;
pub mod error;
pub mod grants;
pub mod key;
pub mod migrate;
pub mod rebucket;
pub mod schema;
pub mod shard;
pub mod tables;
pub mod transfer;
pub mod value;

pub use bucket_tx::BucketTx;
pub use engine::{
    BoxFuture, Commit, Dialect, Engine, Lock, Primary, Progress, Query, Stats, Transaction, Work, calls, transact,
};
pub use error::{Error, Result};
pub use migrate::{Cluster, Identity, Prepared, Schema, prepare, recognise};
pub use schema::SHARD;
pub use shard::{Ownership, Position, Read, Shard, Written};
pub use value::{Row, Value};
