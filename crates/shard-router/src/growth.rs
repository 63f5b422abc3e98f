//! What operators ask for: shards come and go, buckets move. Each call checks, writes the catalog and answers; the mover does the work.

mod control;
mod copies;
mod measure;
mod partitions;
mod plan;
mod replicas;
mod seed;
mod shards;
mod users;
mod verify;

use std::sync::Arc;

use topology::{ShardInfo, ShardState, Topology};

use crate::error::{Error, Result};
use crate::moving::Mover;
use crate::store::catalog::Catalog;

pub(crate) use control::Control;
pub(crate) use measure::Measure;
pub(crate) use plan::{Plan, Wish};
pub(crate) use replicas::Replica;
pub(crate) use shards::{NewShard, Status};

/// Operators' calls on one catalog.
#[derive(Clone)]
pub struct Growth {
    catalog: Catalog,
    mover: Arc<Mover>,
    credentials: Option<engines::Credentials>,
}

impl Growth {
    pub(crate) fn new(catalog: Catalog, mover: Arc<Mover>, credentials: Option<engines::Credentials>) -> Self {
        Self { catalog, mover, credentials }
    }

    pub(crate) fn topology(&self) -> Arc<Topology> {
        self.catalog.current()
    }
}

/// The shard of this name that is not removed.
fn named<'t>(topology: &'t Topology, name: &str) -> Result<&'t ShardInfo> {
    topology.live_shards().find(|shard| shard.name == name).ok_or_else(|| Error::UnknownShard(name.to_owned()))
}

/// Refuses a shard that is on its way out.
fn require_active(info: &ShardInfo) -> Result<()> {
    if info.state == ShardState::Active {
        return Ok(());
    }
    Err(Error::Operation(format!("{} is being drained: it takes no buckets", info.name)))
}

/// What a shard may have of the buckets: nothing while it is drained.
fn weight(shard: &ShardInfo) -> u32 {
    if shard.state == ShardState::Active { shard.weight } else { 0 }
}
