//! Moves held, let go on, undone, taken back; and how far they are.

use std::collections::BTreeSet;

use ::moves::Step;
use model::time::now_ms;
use model::{Bucket, Epoch, ShardId};
use topology::ShardState;

use super::Growth;
use crate::error::{Error, Result};
use crate::growth::shards::set_state;
use crate::store::moves::{self, Move, Work};

/// What is done to moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Pause,
    Resume,
    Cancel,
    Revert,
    Settle,
}

impl Growth {
    /// Moves of an operation, or all that are under way and the last that ended.
    pub(crate) async fn moves(&self, operation: &str, ended: u32) -> Result<Vec<Move>> {
        let engine = self.catalog.engine();
        if !operation.is_empty() {
            return moves::of_operation(engine, operation).await;
        }
        let mut all = moves::open_now(engine).await?;
        all.extend(moves::ended(engine, ended).await?);
        Ok(all)
    }

    /// Does something to one move, or to all of an operation, or to all that are under way. Returns to how many.
    pub(crate) async fn control(&self, control: Control, id: u64, operation: &str) -> Result<u32> {
        let engine = self.catalog.engine();
        let chosen = match (id, operation) {
            (0, "") => moves::open_now(engine).await?,
            (0, operation) => moves::of_operation(engine, operation).await?,
            (id, _) => vec![moves::get(engine, id).await?.ok_or(Error::UnknownMove(id))?],
        };
        if chosen.is_empty() && !operation.is_empty() {
            return Err(Error::Operation(format!("there is no operation {operation}: `myriad move list` lists them")));
        }
        let mut done = 0;
        for row in &chosen {
            done += u32::from(self.apply(control, row).await?);
        }
        match (chosen.as_slice(), done) {
            // Of one that was named it is told why not.
            ([row], 0) if id > 0 => Err(Error::Operation(refusal(control, row))),
            _ => {
                if control == Control::Cancel {
                    self.end_drains().await?;
                }
                self.mover.wake();
                Ok(done)
            }
        }
    }

    async fn apply(&self, control: Control, row: &Move) -> Result<bool> {
        let engine = self.catalog.engine();
        match control {
            Control::Pause => moves::set_paused(engine, row.id, true).await,
            Control::Resume => moves::set_paused(engine, row.id, false).await,
            Control::Cancel if row.step.may_go_back() => {
                self.mover.go_back(row, "cancelled by an operator".to_owned()).await?;
                // It may have gone on meanwhile: the row says what it came to.
                let now = moves::get(engine, row.id).await?;
                Ok(now.is_some_and(|now| matches!(now.step, Step::Back | Step::Undone)))
            }
            Control::Revert if row.step.may_revert() && row.work == Work::Buckets => self.revert(row).await,
            Control::Settle if row.step == Step::Grace => self.settle(row.id).await,
            Control::Cancel | Control::Revert | Control::Settle => Ok(false),
        }
    }

    /// Puts a move the other way in the place of one that is in its grace time: the old rows are the base, the target's log is applied.
    async fn revert(&self, row: &Move) -> Result<bool> {
        let topology = self.topology();
        let id = row.id;
        let buckets = row.buckets.iter().map(|(bucket, epoch)| (*bucket, Epoch(epoch.0 + 1))).collect();
        let operation = format!("revert-{}", row.operation);
        let back = Move { on_base: true, ..Move::planned(operation, row.target, row.source, buckets, now_ms()) };
        let reverted = self.catalog.change_with(
            &topology,
            |_| {},
            move |tx| {
                Box::pin(async move {
                    // One that was planned to go on from here would begin where the buckets are no more.
                    let going: BTreeSet<Bucket> = back.touched().collect();
                    let others = moves::open(tx).await?;
                    if others.iter().any(|other| other.id != id && other.one_of(&going).is_some()) {
                        return Err(store::Error::Moved { bucket: Bucket(0), found: None });
                    }
                    if !moves::divert(
                        tx,
                        id,
                        Step::Grace,
                        Step::Reverted,
                        "reverted by an operator".to_owned(),
                        now_ms(),
                    )
                    .await?
                    {
                        return Err(store::Error::Moved { bucket: Bucket(0), found: None });
                    }
                    moves::insert(tx, &back).await
                })
            },
        );
        match reverted.await {
            Ok(_) => Ok(true),
            Err(Error::Catalog(store::Error::Moved { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn settle(&self, id: u64) -> Result<bool> {
        let settled = store::transact(self.catalog.engine(), move |tx| {
            Box::pin(moves::divert(tx, id, Step::Grace, Step::Clean, String::new(), now_ms()))
        });
        Ok(settled.await?.0)
    }

    /// A shard whose drain was cancelled takes buckets again.
    async fn end_drains(&self) -> Result<()> {
        let topology = self.topology();
        let open = moves::open_now(self.catalog.engine()).await?;
        let drained = |id: u32| {
            open.iter().any(|row| row.source == id && !matches!(row.step, Step::Back | Step::Undone))
                || topology.owned_buckets(ShardId(id)).is_empty()
        };
        let given_up: Vec<ShardId> = topology
            .live_shards()
            .filter(|info| info.state == ShardState::Draining && !drained(info.id))
            .map(topology::ShardInfo::shard_id)
            .collect();
        if given_up.is_empty() {
            return Ok(());
        }
        let edit = |parts: &mut topology::Parts| {
            for id in given_up {
                set_state(&mut parts.shards, id, ShardState::Active);
            }
        };
        self.catalog.change(topology.version(), edit).await.map(drop)
    }
}

fn refusal(control: Control, row: &Move) -> String {
    let (id, step) = (row.id, row.step.as_str());
    match control {
        Control::Pause => format!("move {id} is held already, or over (step {step})"),
        Control::Resume => format!("move {id} is not held (step {step})"),
        Control::Cancel => format!(
            "move {id} is committed (step {step}) and can only go forward; within its grace time it can be reverted: \
             `myriad move revert {id}`"
        ),
        Control::Revert if matches!(row.work, Work::Partition { .. } | Work::Unpartition { .. }) => {
            "partitions are ended by `myriad user unpartition ID` and made by `myriad user partition ID`".to_owned()
        }
        Control::Revert if row.work != Work::Buckets => {
            "a user that was isolated goes back by `myriad user return ID`, one that was returned by `myriad user isolate ID`".to_owned()
        }
        Control::Revert if row.step == Step::Grace => {
            format!("move {id} is followed by another one of its buckets: cancel that one first")
        }
        Control::Revert => {
            format!(
                "move {id} is at step {step}: only a move in its grace time can be reverted, one before it is cancelled"
            )
        }
        Control::Settle => format!("move {id} is not in its grace time (step {step})"),
    }
}
