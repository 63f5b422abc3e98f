//! The start: a new cluster is begun, an old one recognised. Every step may be cut off by a crash and is finished by the next start.

use std::sync::Arc;

use futures::future::try_join_all;
use model::ShardId;
use store::{Cluster, Engine, Identity, Shard, grants};
use topology::{Opener, ShardInfo, Topology, identity};

use crate::domain::first_map::first_map;
use crate::error::{Error, Result};
use crate::store::{SCHEMA, catalog, rows};

/// Opens what the catalog names, begins it where it is new; the engines are handed back so that they stay open.
pub(crate) async fn bootstrap(
    catalog: &dyn Engine,
    asked: Option<u32>,
    locations: &[String],
    opener: &Opener,
) -> Result<(Topology, Vec<Arc<dyn Engine>>)> {
    let new_id = uuid::Uuid::new_v4().simple().to_string();
    let identity = Identity { cluster: Cluster::OrNew(new_id), member: "catalog".to_owned() };
    let cluster_id = store::prepare(catalog, &SCHEMA, identity).await?.cluster;
    let known = rows::load(catalog, &cluster_id).await?;
    let topology = match &known {
        Some(topology) => topology.clone(),
        None => Topology::new(first_map(cluster_id.clone(), asked.unwrap_or(1), locations))
            .map_err(|error| Error::Damaged(error.to_string()))?,
    };
    check_count(&topology, asked)?;
    note_other_locations(&topology, locations);
    // Shards are looked at before anything is promised in their name: a file of another cluster stops the start here.
    let engines = try_join_all(topology.live_shards().map(|info| open(&topology, info, opener))).await?;
    if known.is_none() && !catalog::begin(catalog, topology.to_parts()).await? {
        return Box::pin(bootstrap(catalog, asked, locations, opener)).await;
    }
    adopt(catalog, &topology, &engines).await?;
    Ok((topology, engines.into_iter().map(|(_, engine)| engine).collect()))
}

/// The number is what a cluster begins with. Once an operator has changed the topology, shards may have come and gone.
fn check_count(topology: &Topology, asked: Option<u32>) -> Result<()> {
    let there = topology.live_shards().count();
    match asked {
        Some(asked) if asked as usize != there && topology.version() == 1 => Err(Error::ShardCount { there, asked }),
        Some(asked) if asked as usize != there => {
            tracing::warn!(shards = there, shards.asked = asked, "the setting `shards` is for a new cluster: not used");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The catalog is right: shards have been added, moved or taken away since. Who changes the setting to bring that about hears of it.
fn note_other_locations(topology: &Topology, locations: &[String]) {
    let there = |location: &String| topology.live_shards().any(|info| info.location == *location);
    if !locations.is_empty() && !locations.iter().all(there) {
        tracing::warn!(
            "shard_locations is for a new cluster and this one is not: the catalog's shards are used, others wait for an operator to add them"
        );
    }
}

async fn open(topology: &Topology, info: &ShardInfo, opener: &Opener) -> Result<(ShardInfo, Arc<dyn Engine>)> {
    let engine = identity::open(opener, topology.cluster_id(), info).await?;
    // The tables are there now: the services' roles get what they need of them.
    let granted = grants::apply(&*engine, grants::SHARD).await;
    granted.map_err(|source| {
        Error::Shard(topology::Error::Shard {
            name: info.name.clone(),
            location: info.location.clone(),
            source: Box::new(source),
        })
    })?;
    Ok((info.clone(), engine))
}

/// Writes the owner rows into shards that have none yet, and refuses those that have none any more.
async fn adopt(catalog: &dyn Engine, topology: &Topology, engines: &[(ShardInfo, Arc<dyn Engine>)]) -> Result<()> {
    let adopted = rows::adopted(catalog).await?;
    let (old, new): (Vec<_>, Vec<_>) = engines.iter().partition(|(info, _)| adopted.contains(&info.id));
    try_join_all(old.into_iter().map(|(info, engine)| still_there(topology, info, &**engine))).await?;
    if new.is_empty() {
        return Ok(());
    }
    try_join_all(new.iter().map(|(info, engine)| give(topology, info, engine))).await?;
    catalog::mark_adopted(catalog, new.iter().map(|(info, _)| info.id).collect()).await
}

async fn still_there(topology: &Topology, info: &ShardInfo, engine: &dyn Engine) -> Result<()> {
    Ok(identity::require_contents(engine, topology, info).await?)
}

async fn give(topology: &Topology, info: &ShardInfo, engine: &Arc<dyn Engine>) -> Result<()> {
    let buckets = topology.owned_buckets(info.shard_id()).into_iter().map(|own| (own.bucket, own.epoch)).collect();
    let shard = Shard::new(ShardId(info.id), Arc::clone(engine));
    shard.adopt(buckets).await.map_err(|source| {
        Error::Shard(topology::Error::Shard {
            name: info.name.clone(),
            location: info.location.clone(),
            source: Box::new(source),
        })
    })
}
