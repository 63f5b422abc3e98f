//! A user gets another bucket of the same shard: one of its own, or back the one that its id says.
//!
//! Under the fence the rows are copied within one transaction of the shard; then the catalog leads the user to the other bucket, and the
//! owner rows let its writers in. The rows stay where they were through the grace time, for those who still read by an older map.

use std::sync::Arc;
use std::time::Duration;

use model::time::now_ms;
use model::{Bucket, Epoch, UserId};
use moves::Step;
use moves::in_place::Role;
use store::tables::bucket_owner::{self, OwnerRow, State};
use store::transfer::{self, Hold};
use store::{BoxFuture, Engine, Lock, Transaction, rebucket, transact};
use tokio::sync::MutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topology::{Owner, Parts};

use super::Mover;
use super::commit::Record;
use super::drive::Ended;
use super::owners::{self, Batch};
use super::stop::Stop;
use crate::store::moves::{self as rows, Move, Work};

/// The epoch in which a user's own bucket begins.
pub(crate) const FIRST_EPOCH: Epoch = Epoch(1);

/// Which way the user goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Out of the bucket that it shares, to one of its own.
    Out { shared: Bucket, own: Bucket },
    /// Back into it.
    Home { own: Bucket, shared: Bucket },
}

impl Way {
    fn of(row: &Move) -> Option<(UserId, Self)> {
        match (row.work, row.buckets.as_slice()) {
            (Work::Isolate { user, own }, [(shared, _)]) => Some((user, Self::Out { shared: *shared, own })),
            (Work::Return { user }, [(own, _), (shared, _)]) => Some((user, Self::Home { own: *own, shared: *shared })),
            _ => None,
        }
    }

    /// The bucket that the user leaves.
    const fn from(self) -> Bucket {
        match self {
            Self::Out { shared, .. } => shared,
            Self::Home { own, .. } => own,
        }
    }

    /// What the move's buckets are to the rules of owner rows, in their order.
    const fn roles(self) -> &'static [Role] {
        match self {
            Self::Out { .. } => &[Role::Left],
            Self::Home { .. } => &[Role::Ending, Role::Joined],
        }
    }
}

struct Rebucket<'m> {
    mover: &'m Mover,
    row: Move,
    user: UserId,
    way: Way,
    owners: Owners,
    engine: Arc<dyn Engine>,
    fenced: Option<Instant>,
    /// While the pause is on.
    turn: Option<MutexGuard<'m, ()>>,
}

/// The move's buckets, each with its role.
#[derive(Debug, Clone)]
pub(super) struct Owners(pub(super) Vec<(Role, Batch)>);

/// Does the steps of such a move until it ends or needs nobody for a while.
pub(super) async fn run(mover: &Mover, row: Move, ending: &CancellationToken) -> Ended {
    let step = row.step;
    let mut rebucket = Rebucket::take(mover, row).await.map_err(|cause| (step, cause))?;
    rebucket.steps(ending).await
}

impl<'m> Rebucket<'m> {
    async fn take(mover: &'m Mover, row: Move) -> Result<Self, Stop> {
        let (user, way) = Way::of(&row).ok_or_else(|| Stop::Wrong("this move is about no user".to_owned()))?;
        if row.step == Step::Log {
            require_together(mover, &row, user)?;
        }
        let engine = mover.engine(row.source).await?;
        let batches = row.buckets.iter().map(|bucket| Batch { buckets: vec![*bucket], token: row.token });
        let owners = Owners(way.roles().iter().copied().zip(batches).collect());
        match row.step {
            Step::Back => let_in_again(&*engine, &owners, way).await?,
            step => owners.take(&*engine, step).await?,
        }
        Ok(Self { mover, row, user, way, owners, engine, fenced: None, turn: None })
    }

    async fn steps(&mut self, ending: &CancellationToken) -> Ended {
        loop {
            let step = self.row.step;
            if step == Step::Log && self.mover.is_to_stop(&self.row, ending).await {
                return self.mover.put_down(&self.row).await.map_err(|cause| (step, cause));
            }
            self.perform(step).await.map_err(|cause| (step, cause))?;
            let Some(next) = step.next_in_place() else { return Ok(()) };
            // The commit is its own record, and during the pause nothing else is recorded.
            if !matches!(step, Step::Fence | Step::Commit) {
                self.mover.advance(&self.row, step, next).await.map_err(|cause| (step, cause))?;
            }
            self.row.step = next;
            if next == Step::Grace || next.is_end() {
                return Ok(());
            }
        }
    }

    async fn perform(&mut self, step: Step) -> Result<(), Stop> {
        runtime::faults::halt(step.as_str()).await;
        match step {
            Step::Log => self.owners.change(&*self.engine, step).await?,
            Step::Fence => {
                self.turn = self.mover.turn().await;
                self.fenced = Some(Instant::now());
                self.owners.change(&*self.engine, step).await?;
                self.copy().await?;
            }
            Step::Commit => self.commit().await?,
            Step::Activate => self.activate().await?,
            Step::Clean => self.clean().await?,
            Step::Back => self.back().await?,
            _ => {}
        }
        Ok(())
    }

    /// Copies the user's rows to the other bucket, which nobody looks for them in. Done twice it is the same.
    async fn copy(&self) -> Result<(), Stop> {
        let (user, way, token) = (self.user, self.way, self.row.token);
        let fenced = Hold { bucket: way.from(), state: State::Fenced, token };
        let copied = transact(&*self.engine, move |tx| {
            Box::pin(async move {
                transfer::require(tx, &[fenced]).await?;
                match way {
                    Way::Out { shared, own } => rebucket::split(tx, shared, own, user).await,
                    Way::Home { own, shared } => {
                        transfer::require(tx, &[Hold { bucket: shared, state: State::Owned, token }]).await?;
                        rebucket::merge(tx, own, shared, user).await
                    }
                }
            })
        });
        copied.await?;
        Ok(())
    }

    /// The one point: from here on the user's bucket is the other one.
    async fn commit(&mut self) -> Result<(), Stop> {
        let limit = Duration::from_millis(self.mover.settings.max_pause_ms);
        if self.fenced.get_or_insert_with(Instant::now).elapsed() > limit {
            return Err(Stop::Wrong(format!("writes would have waited longer than {} ms", limit.as_millis())));
        }
        let (user, way, shard, buckets) = (self.user, self.way, self.row.source, self.row.buckets.clone());
        let edit = move |parts: &mut Parts| {
            for (bucket, epoch) in &buckets {
                parts.buckets[bucket.0 as usize] = Some(Owner(shard, epoch.0 + 1));
            }
            match way {
                Way::Out { own, .. } => {
                    parts.pins.insert(user.get(), own.0);
                }
                Way::Home { own, .. } => {
                    parts.pins.remove(&user.get());
                    parts.buckets[own.0 as usize] = None;
                }
            }
        };
        let row = self.row.clone();
        let record: Record = Arc::new(move |tx| Box::pin(record_commit(tx, row.clone(), way)));
        self.mover.commit(self.row.id, self.row.token, &edit, record).await
    }

    /// Lets the writers in.
    async fn activate(&mut self) -> Result<(), Stop> {
        let (owners, way) = (self.owners.clone(), self.way);
        let activated = transact(&*self.engine, move |tx| {
            Box::pin(async move {
                if let Way::Out { own, .. } = way {
                    make(tx, own).await?;
                }
                owners.change_in(tx, Step::Activate).await
            })
        });
        activated.await?;
        self.turn = None;
        let mut figures = self.row.figures();
        if let Some(fenced) = self.fenced.take() {
            figures.pause_us = u64::try_from(fenced.elapsed().as_micros()).unwrap_or(u64::MAX);
            crate::metrics::paused(fenced.elapsed());
        }
        // The rows are still where they came from. Counted now, nobody waits for it.
        let copied = rebucket::count(&*self.engine, self.way.from(), self.user).await?;
        (figures.rows_total, figures.rows_copied) = (copied, copied);
        rows::note(self.mover.catalog.engine(), self.row.id, self.row.token, figures).await?;
        Ok(())
    }

    /// Deletes what the user has left behind.
    async fn clean(&self) -> Result<(), Stop> {
        match self.way {
            Way::Out { shared, .. } => self.remove_from(shared).await?,
            Way::Home { own, .. } => self.empty(own).await?,
        }
        self.owners.change(&*self.engine, Step::Clean).await?;
        Ok(())
    }

    /// Deletes what was copied in vain. The writers are let in already: `take` saw to that.
    async fn back(&self) -> Result<(), Stop> {
        match self.way {
            Way::Out { own, .. } => self.empty(own).await?,
            Way::Home { shared, .. } => self.remove_from(shared).await?,
        }
        self.owners.change(&*self.engine, Step::Undone).await?;
        Ok(())
    }

    /// Deletes the user's rows from a bucket that it shares, for as long as the bucket has our token: a late holder finds another one.
    async fn remove_from(&self, bucket: Bucket) -> Result<(), Stop> {
        let (user, limit) = (self.user, self.mover.settings.page_rows);
        let hold = Hold { bucket, state: State::Owned, token: self.row.token };
        let gone = until_gone(&*self.engine, move |tx| {
            Box::pin(async move {
                match transfer::require(tx, &[hold]).await {
                    Ok(()) => rebucket::remove_some(tx, bucket, user, limit).await,
                    // It was done before, and only the record of it is missing.
                    Err(store::Error::Moved { .. }) => Ok(false),
                    Err(error) => Err(error),
                }
            })
        });
        Ok(gone.await?)
    }

    async fn empty(&self, bucket: Bucket) -> Result<(), Stop> {
        Ok(empty(&*self.engine, bucket, self.mover.settings.page_rows).await?)
    }
}

/// A new bucket's owner row, where it is not there yet.
pub(super) async fn make(tx: &mut dyn Transaction, bucket: Bucket) -> store::Result<()> {
    let row = OwnerRow { bucket, epoch: FIRST_EPOCH, state: State::Owned, mover: None };
    bucket_owner::change(tx, bucket, |found| Ok(found.is_none().then_some(row))).await
}

/// Deletes all rows of a bucket that nobody is led to: its number is never used again.
pub(super) async fn empty(engine: &dyn Engine, bucket: Bucket, limit: u32) -> store::Result<()> {
    until_gone(engine, move |tx| {
        Box::pin(async move {
            tx.lock(&[Lock::Shared(bucket)]).await?;
            transfer::purge_some(tx, bucket, limit).await
        })
    })
    .await
}

async fn until_gone(
    engine: &dyn Engine,
    some: impl for<'t> Fn(&'t mut dyn Transaction) -> BoxFuture<'t, store::Result<bool>> + Copy + Send + 'static,
) -> store::Result<()> {
    while transact(engine, some).await?.0 {}
    Ok(())
}

impl Owners {
    /// What a new holder does first: the writers are let in where the move goes back, else its token takes the place of the one before.
    pub(super) async fn take(&self, engine: &dyn Engine, step: Step) -> store::Result<()> {
        if step == Step::Back {
            return self.change(engine, Step::Back).await;
        }
        for (role, batch) in &self.0 {
            owners::take_in_place(engine, batch, *role).await?;
        }
        Ok(())
    }

    /// Does what a step does to the owner rows. The log that the buckets kept meanwhile is forgotten: on one shard nothing is caught up.
    pub(super) async fn change(&self, engine: &dyn Engine, step: Step) -> store::Result<()> {
        let owners = self.clone();
        let changed = transact(engine, move |tx| Box::pin(async move { owners.change_in(tx, step).await }));
        changed.await.map(drop)
    }

    async fn change_in(&self, tx: &mut dyn Transaction, step: Step) -> store::Result<()> {
        for (role, batch) in &self.0 {
            owners::change_in_place(tx, batch, *role, step).await?;
            for (bucket, _) in &batch.buckets {
                transfer::forget_all(tx, *bucket).await?;
            }
        }
        Ok(())
    }
}

/// The buckets are where they were to be when the move was planned. Asked before anything is touched: a return is planned before its
/// user's bucket has come to the shard, and it may never come.
pub(super) fn require_together(mover: &Mover, row: &Move, user: UserId) -> Result<(), Stop> {
    if row.is_at_source(&mover.catalog.current()) {
        return Ok(());
    }
    Err(Stop::Wrong(format!("the buckets of user {} are not where they were to be by now: begin again", user.get())))
}

/// After a move that is undone. What the user's own bucket has to tell was copied in vain to the shared one, and goes before its writers
/// are let in: after that nobody can say which of two is the copy.
async fn let_in_again(engine: &dyn Engine, owners: &Owners, way: Way) -> store::Result<()> {
    let owners = owners.clone();
    let changed = transact(engine, move |tx| {
        Box::pin(async move {
            owners.change_in(tx, Step::Back).await?;
            if let Way::Home { own, shared } = way {
                rebucket::unmerge(tx, own, shared).await?;
            }
            Ok(())
        })
    });
    changed.await.map(drop)
}

/// What is written beside the topology; where the user's bucket is to go to another shard, that is planned with it.
async fn record_commit(tx: &mut dyn Transaction, row: Move, way: Way) -> store::Result<bool> {
    if !rows::advance_in(tx, row.id, row.token, Step::Fence, Step::Activate, now_ms()).await? {
        return Ok(false);
    }
    if let (Way::Out { own, .. }, true) = (way, row.target != row.source) {
        let on = Move::planned(row.operation, row.source, row.target, vec![(own, FIRST_EPOCH)], now_ms());
        rows::insert(tx, &on).await?;
    }
    Ok(true)
}
