//! From what an operator wishes to the moves that bring it about.

use std::collections::{BTreeMap, BTreeSet};

use ::moves::Step;
use ::moves::placement::{self, Load, Member, Strategy, Transfer, balance_by_cost};
use model::time::now_ms;
use model::{Bucket, ShardId};
use topology::{ShardState, Topology};

use super::measure::{Contents, Measure};
use super::{Growth, named, require_active, weight};
use crate::domain::batches::{Batch, batches};
use crate::error::{Error, Result};
use crate::growth::shards::set_state;
use crate::store::catalog::Catalog;
use crate::store::moves::{self, Move};

/// How far a shard's rows, bytes or load may be from its share, in percent, before a rebalance by them moves something.
const TOLERANCE: u32 = 5;
/// Moves that ended are remembered for so many moves more.
const REMEMBERED: u32 = 20_000;
/// What is assumed before anything was moved: rows in a second.
const ROWS_A_SECOND: u64 = 20_000;
/// What a bucket costs beside its rows.
const MS_A_BUCKET: u64 = 2;

/// What an operator wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Every shard has its share: of the buckets, or of what they cost.
    Rebalance { by: Option<Measure> },
    /// A shard has nothing.
    Drain(String),
    /// A bucket is on a shard.
    Bucket(u32, String),
}

/// What is to be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Names it; empty where nothing was begun.
    pub(crate) operation: String,
    /// From, to, how many buckets.
    pub(crate) transfers: Vec<(String, String, usize)>,
    pub(crate) buckets: usize,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) expected_ms: u64,
}

impl Growth {
    /// Plans what was wished and, unless it is a dry run, begins it.
    pub(crate) async fn wish(&self, wish: &Wish, dry_run: bool) -> Result<Plan> {
        let topology = self.topology();
        let open = moves::open_now(self.catalog.engine()).await?;
        let contents = match wish {
            Wish::Rebalance { by: Some(_) } => self.all_contents(&topology).await?,
            _ => BTreeMap::new(),
        };
        let transfers = self.transfers(wish, &topology, &contents).await?;
        refuse_overlap(&open, &transfers.iter().map(|transfer| transfer.bucket).collect())?;
        let batches = batches(&topology, &transfers, self.mover.settings().batch)
            .map_err(|invalid| Error::Operation(invalid.to_string()))?;
        let mut plan = self.price(&topology, &batches, contents).await?;
        if !dry_run && (!batches.is_empty() || matches!(wish, Wish::Drain(_))) {
            plan.operation = self.begin_wish(wish, &topology, batches).await?;
            self.mover.wake();
        }
        Ok(plan)
    }

    async fn transfers(
        &self,
        wish: &Wish,
        topology: &Topology,
        contents: &BTreeMap<u32, Contents>,
    ) -> Result<Vec<Transfer>> {
        match wish {
            Wish::Bucket(bucket, to) => one_bucket(topology, *bucket, to),
            Wish::Drain(name) => {
                let leaving = named(topology, name)?.id;
                let members = members(topology, Some(leaving));
                if members.iter().all(|member| member.weight == 0) {
                    return Err(Error::Operation(format!(
                        "{name} is the last shard that takes buckets: add another one first, `myriad shard add`"
                    )));
                }
                place(Strategy::Balanced, &loads(topology, &BTreeMap::new()), &members)
                    .map(|transfers| transfers.into_iter().filter(|transfer| transfer.from.0 == leaving).collect())
            }
            Wish::Rebalance { by: None } => {
                place(Strategy::Balanced, &shared(loads(topology, &BTreeMap::new())), &members(topology, None))
            }
            Wish::Rebalance { by: Some(measure) } => {
                let costs = self.costs(topology, *measure, contents).await?;
                balance_by_cost(&weighty(shared(loads(topology, &costs))), &members(topology, None), TOLERANCE)
                    .map_err(|refusal| Error::Operation(refusal.to_string()))
            }
        }
    }

    /// What a plan costs, by the contents of its sources, looked at unless they are known, and the pace of the moves that ended last.
    async fn price(&self, topology: &Topology, batches: &[Batch], mut known: BTreeMap<u32, Contents>) -> Result<Plan> {
        let name = |id| topology.name_of(ShardId(id));
        let mut plan = Plan::default();
        let mut ways: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for batch in batches {
            *ways.entry((batch.source, batch.target)).or_default() += batch.buckets.len();
            plan.buckets += batch.buckets.len();
        }
        plan.transfers = ways.into_iter().map(|((from, to), count)| (name(from), name(to), count)).collect();
        for source in batches.iter().map(|batch| batch.source).collect::<BTreeSet<_>>() {
            let held = match known.remove(&source) {
                Some(held) => held,
                None => self.contents(source).await?,
            };
            let of_it = batches.iter().filter(|batch| batch.source == source);
            let (rows, bytes) = held.of(of_it.flat_map(|batch| &batch.buckets).map(|(bucket, _)| *bucket));
            plan.rows += rows;
            plan.bytes += bytes;
        }
        plan.expected_ms = self.expected_ms(plan.rows, plan.buckets).await?;
        Ok(plan)
    }

    pub(super) async fn expected_ms(&self, rows: u64, buckets: usize) -> Result<u64> {
        Ok(rows * 1000 / self.rate().await? + buckets as u64 * MS_A_BUCKET)
    }

    /// Rows in a second, by the moves that ended last.
    async fn rate(&self) -> Result<u64> {
        let ended = moves::ended(self.catalog.engine(), 50).await?;
        let (Some(first), Some(last)) = (
            ended.iter().map(|row| row.started_at_ms).min(),
            ended.iter().map(|row| row.changed_at_ms - self.mover.settings().grace_ms).max(),
        ) else {
            return Ok(ROWS_A_SECOND);
        };
        let rows: u64 = ended.iter().map(|row| row.rows_copied).sum();
        let took = u64::try_from(last - first).unwrap_or(0).max(1);
        // Few rows say nothing about many.
        Ok(if rows < 10_000 { ROWS_A_SECOND } else { (rows * 1000 / took).max(1000) })
    }

    async fn begin_wish(&self, wish: &Wish, topology: &Topology, batches: Vec<Batch>) -> Result<String> {
        let operation = format!("{}-{}", wish.word(), topology.version() + 1);
        let draining = match wish {
            Wish::Drain(name) => Some(named(topology, name)?.shard_id()),
            _ => None,
        };
        let edit = move |parts: &mut topology::Parts| {
            if let Some(id) = draining {
                set_state(&mut parts.shards, id, ShardState::Draining);
            }
        };
        let rows: Vec<Move> = batches.into_iter().map(|batch| row(&operation, batch)).collect();
        begin(&self.catalog, topology, edit, rows).await?;
        Ok(operation)
    }
}

/// Writes moves, all or none: nobody has changed the topology since the plan was made.
pub(super) async fn begin(
    catalog: &Catalog,
    topology: &Topology,
    edit: impl FnOnce(&mut topology::Parts),
    rows: Vec<Move>,
) -> Result<()> {
    let begun = catalog.change_with(topology, edit, move |tx| {
        Box::pin(async move {
            moves::forget(tx, REMEMBERED).await?;
            // What has just arrived goes on at once: its grace time is over.
            let going = moves::buckets_of(&rows);
            for old in moves::open(tx).await? {
                if old.step == Step::Grace && old.one_of(&going).is_some() {
                    moves::divert(tx, old.id, Step::Grace, Step::Clean, String::new(), now_ms()).await?;
                }
            }
            for row in &rows {
                moves::insert(tx, row).await?;
            }
            Ok(())
        })
    });
    begun.await.map(drop)
}

impl Wish {
    fn word(&self) -> String {
        match self {
            Self::Rebalance { .. } => "rebalance".to_owned(),
            Self::Drain(name) => format!("drain-{name}"),
            Self::Bucket(bucket, _) => format!("bucket-{bucket}"),
        }
    }
}

fn row(operation: &str, batch: Batch) -> Move {
    Move::planned(operation.to_owned(), batch.source, batch.target, batch.buckets, now_ms())
}

fn place(strategy: Strategy, loads: &[Load], members: &[Member]) -> Result<Vec<Transfer>> {
    placement::plan(strategy, loads, members).map_err(|refusal| Error::Operation(refusal.to_string()))
}

fn members(topology: &Topology, leaving: Option<u32>) -> Vec<Member> {
    let member = |info: &topology::ShardInfo| Member {
        shard: info.shard_id(),
        weight: if leaving == Some(info.id) { 0 } else { weight(info) },
    };
    topology.live_shards().map(member).collect()
}

fn loads(topology: &Topology, costs: &BTreeMap<Bucket, u64>) -> Vec<Load> {
    let load = |place: topology::Place| Load {
        bucket: place.bucket,
        on: place.shard,
        cost: costs.get(&place.bucket).copied().unwrap_or(0).max(1),
    };
    topology.places().map(load).collect()
}

/// Without the buckets of users' own: they are where an operator wanted them.
fn shared(loads: Vec<Load>) -> Vec<Load> {
    loads.into_iter().filter(|load| !load.bucket.is_private()).collect()
}

/// Without the buckets that have nothing, or less than a hundredth of what one has on average: to even out a little, hundreds of them would
/// move. Where none has anything they are all alike.
fn weighty(loads: Vec<Load>) -> Vec<Load> {
    let costs = || loads.iter().map(|load| u128::from(load.cost)).filter(|cost| *cost > 1);
    let (all, count) = (costs().sum::<u128>(), costs().count() as u128);
    loads.into_iter().filter(|load| u128::from(load.cost) * count * 100 >= all).collect()
}

fn one_bucket(topology: &Topology, bucket: u32, to: &str) -> Result<Vec<Transfer>> {
    let target = named(topology, to)?;
    let place = topology.place_of(Bucket(bucket)).ok_or_else(|| {
        Error::Operation(format!(
            "there is no bucket {bucket}: they are numbered from 0 to 4095, and users' own from 4096 on"
        ))
    })?;
    if place.shard == target.shard_id() {
        return Err(Error::Operation(format!("bucket {bucket} is on {to} already")));
    }
    require_active(target)?;
    Ok(vec![Transfer { bucket: place.bucket, from: place.shard, to: target.shard_id() }])
}

/// A bucket is in one move at a time. One that is committed ends before the next begins; one that is not must be waited for.
pub(super) fn refuse_overlap(open: &[Move], going: &BTreeSet<Bucket>) -> Result<()> {
    for row in open.iter().filter(|row| row.step.may_go_back() || matches!(row.step, Step::Activate | Step::Back)) {
        if let Some(bucket) = row.one_of(going) {
            return Err(Error::Busy(format!(
                "bucket {bucket} is being moved by {} (move {}, step {}): wait for it (`myriad move status {}`) or cancel it \
                 (`myriad move cancel {}`)",
                row.operation,
                row.id,
                row.step.as_str(),
                row.operation,
                row.operation,
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_has_next_to_nothing_is_not_moved_for_its_cost() {
        let load = |bucket, cost| Load { bucket: Bucket(bucket), on: ShardId(0), cost };
        let full: Vec<Load> = (0..10).map(|bucket| load(bucket, 1_000)).collect();
        let empty = (10..4096).map(|bucket| load(bucket, 1));
        assert_eq!(weighty(full.iter().copied().chain(empty).collect()), full);
        let rows = [load(0, 1_000_000), load(1, 1_000_000), load(2, 1_000), load(3, 100_000)];
        assert_eq!(weighty(rows.to_vec()), [rows[0], rows[1], rows[3]]);
        let even: Vec<Load> = (0..4096).map(|bucket| load(bucket, 1)).collect();
        assert_eq!(weighty(even.clone()), even, "nothing is known: by their number");
    }
}
