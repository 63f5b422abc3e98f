//! What shards hold, how busy they are, and how far behind their replicas: what operators look at, and what a rebalance goes by.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use model::Bucket;
use store::{Engine, Progress, transfer};
use tokio::time::{Instant, sleep};
use topology::{ShardInfo, Topology};

use super::Growth;
use crate::error::Result;

/// For how long calls are counted before operators are told how many there are in a second.
const GLANCE: Duration = Duration::from_secs(1);
/// The same before buckets are moved because of it: a server tells what its connections did up to a second later.
const LOOK: Duration = Duration::from_secs(5);

/// So many units of cost are one row, byte or call a second: a bucket may have less than one of them.
const FINE: u64 = 1000;

/// What a rebalance makes even beside the number of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Rows,
    Bytes,
    /// Calls a second.
    Load,
}

/// A server that follows a shard's primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) location: String,
    /// How many bytes of the primary's log it has not replayed; why that cannot be said.
    pub(crate) behind: std::result::Result<u64, String>,
}

impl Growth {
    /// What each bucket costs by a measure. Of bytes and load only what a whole shard has is known: its buckets share that by their rows.
    pub(super) async fn costs(&self, topology: &Topology, measure: Measure) -> Result<BTreeMap<Bucket, u64>> {
        let shards: Vec<&ShardInfo> = topology.live_shards().collect();
        let busy = if measure == Measure::Load { self.calls_a_second(&shards, LOOK).await? } else { Vec::new() };
        let mut costs = BTreeMap::new();
        for (place, info) in shards.into_iter().enumerate() {
            let engine = self.mover.engine(info.id).await?;
            let rows = transfer::by_bucket(&*engine).await?;
            let all: u64 = rows.iter().map(|(_, count)| count).sum();
            let whole = match measure {
                Measure::Rows => all,
                Measure::Bytes => size(&*engine).await?,
                Measure::Load => busy.get(place).copied().unwrap_or_default(),
            };
            let owned = |bucket: Bucket| topology.place_of(bucket).is_some_and(|place| place.shard == info.shard_id());
            let of_it = rows.into_iter().filter(|(bucket, _)| owned(*bucket));
            costs.extend(of_it.map(|(bucket, count)| (bucket, share(whole.saturating_mul(FINE), count, all))));
        }
        Ok(costs)
    }

    /// How many calls each of these shards gets in a second, from every process; none for one that cannot be asked.
    pub(super) async fn glance(&self, shards: &[ShardInfo]) -> Vec<Option<u64>> {
        let each = shards.iter().map(|info| async { self.calls_a_second(&[info], GLANCE).await.ok()?.pop() });
        join_all(each).await
    }

    async fn calls_a_second(&self, shards: &[&ShardInfo], during: Duration) -> Result<Vec<u64>> {
        let each = shards.iter().map(|info| async {
            let engine = self.mover.engine(info.id).await?;
            let (begun, before) = (Instant::now(), store::calls(&*engine).await?);
            sleep(during).await;
            let (took, after) = (begun.elapsed().as_millis().max(1), store::calls(&*engine).await?);
            Ok(share(after.saturating_sub(before), 1000, u64::try_from(took).unwrap_or(u64::MAX)))
        });
        try_join_all(each).await
    }

    pub(super) async fn replicas_of(&self, info: &ShardInfo) -> Vec<Replica> {
        if info.replicas.is_empty() {
            return Vec::new();
        }
        let primary = async { Ok(self.mover.engine(info.id).await?.progress().await?) };
        let primary = primary.await.map_err(|error: crate::Error| format!("its primary: {error}"));
        let each = info.replicas.iter().map(|location| async {
            let told = async { self.mover.opener().open_replica(info, location).await?.progress().await };
            let told = told.await.map_err(|error| error.to_string());
            let behind = primary.clone().and_then(|primary| behind(primary, told?));
            Replica { location: location.clone(), behind }
        });
        join_all(each).await
    }
}

fn behind(primary: Progress, replica: Progress) -> std::result::Result<u64, String> {
    if !replica.is_replica {
        return Err("it takes writes itself: remove it, and make it anew with pg_basebackup -R".to_owned());
    }
    if replica.server != primary.server {
        return Err("it is a copy of another server: make it anew with pg_basebackup -R".to_owned());
    }
    Ok(primary.log.saturating_sub(replica.log))
}

/// A part of a whole, rounded up: what has something has a cost.
fn share(whole: u64, part: u64, of: u64) -> u64 {
    let share = (u128::from(whole) * u128::from(part)).div_ceil(u128::from(of.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The size of a shard's database in bytes.
pub(super) async fn size(engine: &dyn Engine) -> Result<u64> {
    let rows = engine.query(engine.dialect().size, Vec::new()).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.u64(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_share_what_their_shard_has_by_their_rows() {
        assert_eq!((share(1000, 1, 4), share(1000, 3, 4)), (250, 750));
        assert_eq!((share(10, 1, 1_000_000), share(0, 5, 10), share(7, 1, 0)), (1, 0, 7));
        assert_eq!(share(u64::MAX, u64::MAX, 1), u64::MAX);
    }

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
