//! Whether an open database is the shard that the topology means, of the right cluster and with contents.

use std::sync::Arc;

use store::{Cluster, Engine, Identity};

use crate::error::{Error, Result};
use crate::map::Topology;
use crate::opener::Opener;
use crate::shard_info::ShardInfo;

impl ShardInfo {
    /// Who this shard's database must say it is.
    pub fn identity(&self, cluster_id: &str) -> Identity {
        Identity { cluster: Cluster::Known(cluster_id.to_owned()), member: format!("shard-{}", self.id) }
    }
}

/// Opens a shard and brings its database to this program's schema; the wrong database is refused, naming both identities.
///
/// # Errors
/// [`Error::Shard`] with what was found, what was expected and what to do.
pub async fn open(opener: &Opener, cluster_id: &str, info: &ShardInfo) -> Result<Arc<dyn Engine>> {
    let engine = opener.open(info).await.map_err(|source| failed(info, source))?;
    let prepared = store::prepare(&*engine, &store::SHARD, info.identity(cluster_id)).await;
    prepared.map_err(|source| failed(info, source))?;
    Ok(engine)
}

/// Refuses a shard that owns buckets in the topology and has an owner row of none: it has lost its contents.
///
/// # Errors
/// [`Error::Lost`]; [`Error::Shard`] where it cannot be read.
pub async fn require_contents(engine: &dyn Engine, topology: &Topology, info: &ShardInfo) -> Result<()> {
    let rows = engine.query("SELECT bucket FROM bucket_owner LIMIT 1", Vec::new()).await;
    let empty = rows.map_err(|source| failed(info, source))?.is_empty();
    if empty && topology.places().any(|place| place.shard == info.shard_id()) {
        return Err(Error::Lost {
            name: info.name.clone(),
            location: info.location.clone(),
            cluster_id: topology.cluster_id().to_owned(),
        });
    }
    Ok(())
}

fn failed(info: &ShardInfo, source: store::Error) -> Error {
    Error::Shard { name: info.name.clone(), location: info.location.clone(), source: Box::new(source) }
}
