//! What shards hold and how busy they are: what operators look at, and what a rebalance goes by.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use model::Bucket;
use store::{Engine, transfer};
use tokio::time::{Instant, sleep};
use topology::{ShardInfo, Topology};

use super::Growth;
use crate::error::Result;

/// For how long calls are counted before operators are told how many there are in a second. PostgreSQL's connections tell what they did
/// once a second at most (`PGSTAT_MIN_INTERVAL`), so that a second may hold none of that, or twice as much.
const GLANCE: Duration = Duration::from_secs(3);
/// The same before buckets are moved because of it.
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

/// What a shard holds.
#[derive(Debug)]
pub(super) struct Contents {
    rows: BTreeMap<Bucket, u64>,
    all_rows: u64,
    bytes: u64,
}

impl Contents {
    /// The rows and, in proportion, the bytes of some of its buckets.
    pub(super) fn of(&self, buckets: impl Iterator<Item = Bucket>) -> (u64, u64) {
        let rows = buckets.filter_map(|bucket| self.rows.get(&bucket)).sum();
        (rows, share(self.bytes, rows, self.all_rows))
    }
}

impl Growth {
    /// What a shard holds. Counts its rows.
    pub(super) async fn contents(&self, shard: u32) -> Result<Contents> {
        let engine = self.mover.engine(shard).await?;
        let rows: BTreeMap<Bucket, u64> = transfer::by_bucket(&*engine).await?.into_iter().collect();
        Ok(Contents { all_rows: rows.values().sum(), rows, bytes: size(&*engine).await? })
    }

    /// The same of every shard.
    pub(super) async fn all_contents(&self, topology: &Topology) -> Result<BTreeMap<u32, Contents>> {
        let each = topology.live_shards().map(|info| async { Result::Ok((info.id, self.contents(info.id).await?)) });
        Ok(try_join_all(each).await?.into_iter().collect())
    }

    /// What each bucket costs by a measure, where these are the contents of every shard.
    pub(super) async fn costs(
        &self,
        topology: &Topology,
        measure: Measure,
        contents: &BTreeMap<u32, Contents>,
    ) -> Result<BTreeMap<Bucket, u64>> {
        let each = contents.iter().map(|(shard, held)| self.costs_on(topology, *shard, measure, held));
        Ok(try_join_all(each).await?.into_iter().flatten().collect())
    }

    /// Of bytes and load only what a whole shard has is known: its buckets share that by their rows.
    async fn costs_on(
        &self,
        topology: &Topology,
        shard: u32,
        measure: Measure,
        held: &Contents,
    ) -> Result<Vec<(Bucket, u64)>> {
        let whole = match measure {
            Measure::Rows => held.all_rows,
            Measure::Bytes => held.bytes,
            Measure::Load => calls_a_second(&*self.mover.engine(shard).await?, LOOK).await?,
        };
        let owned = |bucket: Bucket| topology.place_of(bucket).is_some_and(|place| place.shard.0 == shard);
        let of_it = held.rows.iter().filter(|(bucket, _)| owned(**bucket));
        Ok(of_it.map(|(bucket, rows)| (*bucket, share(whole.saturating_mul(FINE), *rows, held.all_rows))).collect())
    }

    /// How many calls a shard gets in a second, from every process; none where it cannot be asked.
    pub(super) async fn load(&self, info: &ShardInfo) -> Option<u64> {
        let engine = self.mover.engine(info.id).await.ok()?;
        calls_a_second(&*engine, GLANCE).await.ok()
    }
}

async fn calls_a_second(engine: &dyn Engine, during: Duration) -> Result<u64> {
    let (begun, before) = (Instant::now(), store::calls(engine).await?);
    sleep(during).await;
    let (took, after) = (begun.elapsed().as_millis(), store::calls(engine).await?);
    Ok(share(after.saturating_sub(before), 1000, u64::try_from(took).unwrap_or(u64::MAX)))
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
}
