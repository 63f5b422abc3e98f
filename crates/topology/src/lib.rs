//! The topology as every process uses it: the pure map (user → bucket → shard), the client that follows the shard-router, the
//! shards it names, open, and user ids from leased blocks.
//!
//! There is no hop to the router in a request: lookups are arithmetic on a map in memory, which is kept on disk too, so that a
//! process starts and runs while the router is down. A map that is out of date does no harm: the shard itself refuses the write
//! (*moved*), [`Shards::write`] then asks for the newest map and tries once more.

mod backoff;
mod error;
mod heat;
pub mod identity;
pub mod ids;
pub mod map;
mod metrics;
mod opener;
mod partitions;
mod pins;
mod registry;
mod replicas;
mod shard_info;
mod shards;
mod show;
mod snapshot;
mod watch;
mod wire;

pub use error::{Error, Result};
pub use heat::{Heat, HotUser};
pub use ids::UserIds;
pub use map::{Invalid, MAX_BUCKETS, Owner, Parts, Place, Topology};
pub use opener::{Opened, Opener};
pub use partitions::{MAX_PARTITIONS, Partitions};
pub use replicas::{Mark, Settings as ReplicaSettings};
pub use shard_info::{EngineKind, ShardInfo, ShardState};
pub use shards::{Changed, Key, Shards};
pub use show::Shown;
pub use snapshot::SnapshotFile;
pub use watch::Watch;
