//! The owner rows of a batch on one side, changed in one transaction, each as the rules judge what is there.

use std::collections::{BTreeMap, BTreeSet};

use model::{Bucket, Epoch};
use moves::in_place::{self, Role};
use moves::{Found, Side, Step, Terms, Verdict, judge, take_over};
use store::tables::bucket_owner::{self, OwnerRow};
use store::{Engine, Error, Primary, Transaction, transact, transfer};

/// A batch as the rules see it.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) buckets: Vec<(Bucket, Epoch)>,
    pub(super) token: u64,
}

impl Batch {
    /// The buckets, without their epochs.
    pub(super) fn set(&self) -> BTreeSet<Bucket> {
        self.buckets.iter().map(|(bucket, _)| *bucket).collect()
    }
}

/// What becomes of the buckets' logs in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Keep,
    Forget,
}

/// Does what `step` does to the owner rows of a side.
pub(super) async fn change(engine: &dyn Engine, batch: &Batch, side: Side, step: Step, log: Log) -> store::Result<()> {
    each(engine, batch, log, move |terms, found| judge(step, side, terms, found)).await
}

/// The same where a user gets another bucket, within a transaction.
pub(super) async fn change_in_place(
    tx: &mut dyn Transaction,
    batch: &Batch,
    role: Role,
    step: Step,
) -> store::Result<()> {
    each_in(tx, batch, |terms, found| in_place::judge(step, role, terms, found)).await
}

/// Puts our token into the rows that an earlier holder of the same move left.
pub(super) async fn take(engine: &dyn Engine, batch: &Batch, side: Side) -> store::Result<()> {
    each(engine, batch, Log::Keep, move |terms, found| take_over(side, terms, found)).await
}

/// The same where a user gets another bucket.
pub(super) async fn take_in_place(engine: &dyn Engine, batch: &Batch, role: Role) -> store::Result<()> {
    each(engine, batch, Log::Keep, move |terms, found| in_place::take_over(role, terms, found)).await
}

/// What the rules make of each owner row as it is now.
pub(super) async fn judged(
    engine: &dyn Engine,
    batch: &Batch,
    side: Side,
    step: Step,
) -> store::Result<Vec<(Bucket, Verdict, Option<OwnerRow>)>> {
    let buckets: Vec<Bucket> = batch.buckets.iter().map(|(bucket, _)| *bucket).collect();
    let rows = bucket_owner::find(&mut Primary(engine), &buckets).await?;
    let all = batch.buckets.iter().map(|&(bucket, epoch)| {
        let row = rows.iter().find(|row| row.bucket == bucket).copied();
        (bucket, judge(step, side, Terms { epoch, token: batch.token }, row.as_ref().map(found)), row)
    });
    Ok(all.collect())
}

async fn each(
    engine: &dyn Engine,
    batch: &Batch,
    log: Log,
    judge: impl Fn(Terms, Option<Found>) -> Verdict + Send + Sync + 'static,
) -> store::Result<()> {
    let batch = batch.clone();
    let changed = transact(engine, move |tx| {
        Box::pin(async move {
            each_in(tx, &batch, judge).await?;
            if log == Log::Forget {
                for (bucket, _) in batch.buckets {
                    transfer::forget_all(tx, bucket).await?;
                }
            }
            Ok(())
        })
    });
    changed.await.map(drop)
}

async fn each_in(
    tx: &mut dyn Transaction,
    batch: &Batch,
    judge: impl Fn(Terms, Option<Found>) -> Verdict,
) -> store::Result<()> {
    let epochs: BTreeMap<Bucket, Epoch> = batch.buckets.iter().copied().collect();
    let buckets: Vec<Bucket> = epochs.keys().copied().collect();
    let decide = |bucket: Bucket, row: Option<&OwnerRow>| match judge(
        Terms { epoch: epochs[&bucket], token: batch.token },
        row.map(found),
    ) {
        Verdict::Keep => Ok(None),
        Verdict::Write(new) => Ok(Some(OwnerRow { bucket, epoch: new.epoch, state: new.state, mover: new.token })),
        Verdict::Refuse => Err(Error::Moved { bucket, found: row.map(|row| row.epoch) }),
    };
    bucket_owner::change_all(tx, &buckets, decide).await
}

fn found(row: &OwnerRow) -> Found {
    Found { epoch: row.epoch, state: row.state, token: row.mover }
}
