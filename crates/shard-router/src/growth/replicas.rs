//! Replicas of a shard: which servers its reads are spread over. Making one follow the primary is PostgreSQL's, and the operator's.

use futures::future::join_all;
use store::{Progress, SHARD, recognise};
use topology::{EngineKind, ShardInfo, Topology};

use super::{Growth, Status, named};
use crate::error::{Error, Result};

/// Replicas of one shard: every process asks each of them twenty times a second how far it is.
const MOST: usize = 16;

/// A server that follows a shard's primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) location: String,
    /// How many bytes of the primary's log it has not replayed; why that cannot be said.
    pub(crate) behind: std::result::Result<u64, String>,
}

impl Growth {
    pub(super) async fn replicas_of(&self, info: &ShardInfo) -> Vec<Replica> {
        if info.replicas.is_empty() {
            return Vec::new();
        }
        let primary = async { Ok(self.mover.engine(info.id).await?.progress().await?) };
        let primary = primary.await.map_err(|error: Error| format!("its primary: {error}"));
        let each = info.replicas.iter().map(|location| async {
            let told = async { self.mover.opener().open_replica(info, location).await?.progress().await };
            let told = told.await.map_err(|error| error.to_string());
            let behind = primary.clone().and_then(|primary| behind(primary, told?));
            Replica { location: location.clone(), behind }
        });
        join_all(each).await
    }

    /// Lets a server be read from that follows the shard's primary. With `dry_run` everything is checked and nothing is changed.
    pub(crate) async fn add_replica(&self, shard: &str, location: &str, dry_run: bool) -> Result<Status> {
        let topology = self.topology();
        let info = named(&topology, shard)?.clone();
        if info.engine != EngineKind::Postgres {
            return Err(Error::Operation(format!(
                "{shard} runs on a file, which has no replicas: move its buckets to a PostgreSQL shard first"
            )));
        }
        let location = read_location(location)?;
        require_new(&topology, &info, &location)?;
        self.require_replica(&topology, &info, &location).await?;
        self.change_replicas(&topology, info, dry_run, |replicas| replicas.push(location)).await
    }

    /// Reads from a server no longer.
    pub(crate) async fn remove_replica(&self, shard: &str, location: &str, dry_run: bool) -> Result<Status> {
        let topology = self.topology();
        let info = named(&topology, shard)?.clone();
        let location = read_location(location)?;
        if !info.replicas.contains(&location) {
            let there = if info.replicas.is_empty() { "none".to_owned() } else { info.replicas.join(", ") };
            return Err(Error::Operation(format!("{location} is not a replica of {shard}, which has {there}")));
        }
        self.change_replicas(&topology, info, dry_run, |replicas| replicas.retain(|there| *there != location)).await
    }

    async fn change_replicas(
        &self,
        topology: &Topology,
        mut info: ShardInfo,
        dry_run: bool,
        edit: impl FnOnce(&mut Vec<String>),
    ) -> Result<Status> {
        edit(&mut info.replicas);
        if !dry_run {
            let (id, replicas) = (info.id, info.replicas.clone());
            let changed = self.catalog.change(topology.version(), |parts| {
                parts
                    .shards
                    .iter_mut()
                    .filter(|shard| shard.id == id)
                    .for_each(|shard| shard.replicas.clone_from(&replicas));
            });
            let version = changed.await?.version();
            tracing::info!(shard.id = id, shard.name = info.name, shard.replicas = ?info.replicas, topology.version = version, "the replicas of a shard are others");
        }
        Ok(self.status(info).await)
    }

    /// Refuses whatever is not a copy of this shard that follows its primary.
    async fn require_replica(&self, topology: &Topology, info: &ShardInfo, location: &str) -> Result<()> {
        let primary = self.mover.engine(info.id).await?.progress().await?;
        let unreachable = |error: store::Error| Error::Operation(format!("{location} cannot be a replica: {error}"));
        let engine = self.mover.opener().open_replica(info, location).await.map_err(unreachable)?;
        let found = engine.progress().await.map_err(unreachable)?;
        behind(primary, found)
            .map_err(|reason| Error::Operation(format!("{location} is no replica of {}: {reason}", info.location)))?;
        recognise(&*engine, &SHARD, &info.identity(topology.cluster_id())).await.map_err(unreachable)
    }
}

fn read_location(text: &str) -> Result<String> {
    let (bare, login) = engines::split_login(text).map_err(Error::Operation)?;
    if login.is_some() {
        return Err(Error::Operation(
            "a replica is a copy with its users: give the address without a user and a password, those of the shard hold".to_owned(),
        ));
    }
    engines::postgres_location(&bare).map_err(Error::Operation)
}

fn require_new(topology: &Topology, info: &ShardInfo, location: &str) -> Result<()> {
    let holds = |shard: &&ShardInfo| shard.location == location || shard.replicas.iter().any(|there| there == location);
    if let Some(there) = topology.live_shards().find(holds) {
        return Err(Error::Operation(format!("{location} is the primary or a replica of {} already", there.name)));
    }
    if info.replicas.len() >= MOST {
        return Err(Error::Operation(format!("{} has {MOST} replicas, which is the most", info.name)));
    }
    Ok(())
}

/// How many bytes of a primary's log a server has not replayed, or why it is no replica of that primary.
fn behind(primary: Progress, found: Progress) -> std::result::Result<u64, String> {
    if !found.is_replica {
        return Err("it takes writes itself: make it anew with pg_basebackup -R".to_owned());
    }
    if found.server != primary.server {
        return Err("it is a copy of another server: make it anew with pg_basebackup -R".to_owned());
    }
    Ok(primary.log.saturating_sub(found.log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replica_of_this_primary_can_be_behind_it() {
        let primary = Progress { server: 7, is_replica: false, role_epoch: 1, log: 1000 };
        let replica = Progress { is_replica: true, log: 400, ..primary };
        assert_eq!(behind(primary, replica), Ok(600));
        assert_eq!(behind(primary, Progress { log: 1001, ..replica }), Ok(0), "it was asked a moment later");
        assert!(behind(primary, Progress { is_replica: false, ..replica }).unwrap_err().contains("takes writes"));
        assert!(behind(primary, Progress { server: 8, ..replica }).unwrap_err().contains("another server"));
    }
}
