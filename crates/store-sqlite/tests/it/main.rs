//! The SQLite engine against the suite of every engine, and what is its own: groups, kills, starts, query plans.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod contract;
mod durability;
mod groups;
mod plans;
mod start;

use std::sync::Arc;

use model::{Bucket, Epoch, ShardId};
use store::{Cluster, Identity, Ownership, SHARD, Shard, prepare};
use store_sqlite::{Options, Sqlite};
use tempfile::TempDir;

/// The time, where any will do.
const NOW: i64 = 1_700_000_000_000;

fn own(bucket: u32) -> Ownership {
    Ownership { bucket: Bucket(bucket), epoch: Epoch(1) }
}

fn options(dir: &TempDir) -> Options {
    Options::at(dir.path().join("shard-0.db"))
}

/// A prepared shard that owns the first 16 buckets.
async fn shard(options: &Options) -> (Arc<Sqlite>, Shard) {
    let engine = Sqlite::open(options).unwrap();
    let identity = Identity { cluster: Cluster::Known("c1".to_owned()), member: "shard-0".to_owned() };
    prepare(&*engine, &SHARD, identity).await.unwrap();
    let shard = Shard::new(ShardId(0), Arc::clone(&engine) as _);
    shard.adopt((0..16).map(|bucket| (Bucket(bucket), Epoch(1))).collect()).await.unwrap();
    (engine, shard)
}
