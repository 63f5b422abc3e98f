//! A user's finished pictures get copies in partitions, and partitions that ended are emptied.
//!
//! Copies are made by two: who hears of a picture from now on (`user-service`), and the filling, of those that were there before. Between
//! them none is left out: the map that names the partitions gives the user's own bucket a new epoch, and who hears of a picture reads it under
//! the epoch of its map. So whoever has heard of one and has made no copy had read it before the epoch changed, and the filling, which begins
//! after that, finds what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::time::now_ms;
use model::{Bucket, Epoch, ImageId, UserId};
use moves::Step;
use moves::in_place::Role;
use store::tables::bucket_owner::{self, OwnerRow, State};
use store::tables::images::{self, ImageRow};
use store::{BucketTx, Engine, Primary, Shard, copies, transact};
use tokio_util::sync::CancellationToken;
use topology::{Owner, Partitions, Parts};

use super::Mover;
use super::commit::Record;
use super::drive::Ended;
use super::owners::Batch;
use super::rebucket::{Owners, empty, make, require_together};
use super::stop::Stop;
use crate::store::moves::{self as rows, Figures, Move, Work};

/// Copies in one transaction: whoever hears of a picture of the user waits for it.
const TOGETHER: usize = 64;

struct Partitioning<'m> {
    mover: &'m Mover,
    row: Move,
    user: UserId,
    /// The user's own bucket.
    home: (Bucket, Epoch),
    partitions: Partitions,
    owners: Owners,
    /// Where the own bucket is.
    engine: Arc<dyn Engine>,
}

/// Does the steps of such a move until it ends or needs nobody for a while.
pub(super) async fn run(mover: &Mover, row: Move, ending: &CancellationToken) -> Ended {
    let step = row.step;
    if let Work::Unpartition { .. } = row.work {
        return end(mover, &row).await.map_err(|cause| (step, cause));
    }
    let mut partitioning = Partitioning::take(mover, row).await.map_err(|cause| (step, cause))?;
    partitioning.steps(ending).await
}

/// Empties the buckets of partitions that ended, once nobody reads them by an older map.
async fn end(mover: &Mover, row: &Move) -> Result<(), Stop> {
    let step = if row.step == Step::Grace { Step::Clean } else { row.step };
    if step != row.step {
        mover.advance(row, row.step, step).await?;
    }
    close(mover, row.buckets.iter().map(|(bucket, _)| *bucket).collect()).await?;
    mover.advance(row, step, Step::Done).await
}

/// Ends buckets that no map names any more, wherever they are: their numbers are never used again.
async fn close(mover: &Mover, buckets: Vec<Bucket>) -> Result<(), Stop> {
    for info in mover.catalog.current().live_shards() {
        let engine = mover.engine(info.id).await?;
        for &bucket in &buckets {
            let gone = |found: Option<&OwnerRow>| {
                let there = found.filter(|row| row.state != State::Gone);
                Ok(there.map(|row| OwnerRow { state: State::Gone, mover: None, ..*row }))
            };
            transact(&*engine, move |tx| Box::pin(bucket_owner::change(tx, bucket, gone))).await?;
            empty(&*engine, bucket, mover.settings.page_rows).await?;
        }
    }
    Ok(())
}

impl<'m> Partitioning<'m> {
    async fn take(mover: &'m Mover, row: Move) -> Result<Self, Stop> {
        let (Some(user), Some((home, parts))) = (row.work.user(), row.buckets.split_first()) else {
            return Err(Stop::Wrong("this move is about no user".to_owned()));
        };
        let engine = mover.engine(row.source).await?;
        let owners = Owners(vec![(Role::Joined, Batch { buckets: vec![*home], token: row.token })]);
        owners.take(&*engine, row.step).await?;
        let partitions = Partitions { buckets: parts.iter().map(|(bucket, _)| bucket.0).collect(), shown: false };
        Ok(Self { mover, user, home: *home, partitions, owners, engine, row })
    }

    async fn steps(&mut self, ending: &CancellationToken) -> Ended {
        loop {
            let step = self.row.step;
            if step == Step::Log && self.mover.is_to_stop(&self.row, ending).await {
                return self.mover.put_down(&self.row).await.map_err(|cause| (step, cause));
            }
            match self.perform(step, ending).await.map_err(|cause| (step, cause))? {
                Some(next) => self.row.step = next,
                None => return Ok(()),
            }
        }
    }

    /// Does a step and records it. The next one; none where there is none for now.
    async fn perform(&self, step: Step, ending: &CancellationToken) -> Result<Option<Step>, Stop> {
        runtime::faults::halt(step.as_str()).await;
        match step {
            Step::Log => {
                require_together(self.mover, &self.row, self.user)?;
                self.owners.change(&*self.engine, step).await?;
                self.make_buckets().await?;
                self.record(step, Step::Commit).await
            }
            Step::Commit => {
                self.commit().await?;
                Ok(Some(Step::Activate))
            }
            Step::Activate => {
                self.owners.change(&*self.engine, step).await?;
                self.record(step, Step::Clean).await
            }
            Step::Clean => {
                let filled = self.fill(ending).await?;
                if filled {
                    self.show().await?;
                } else {
                    self.mover.put_down(&self.row).await?;
                }
                Ok(None)
            }
            Step::Back => {
                let topology = self.mover.catalog.current();
                close(
                    self.mover,
                    self.partitions.iter().filter(|bucket| topology.place_of(*bucket).is_none()).collect(),
                )
                .await?;
                self.owners.change(&*self.engine, Step::Undone).await?;
                self.record(step, Step::Undone).await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    async fn record(&self, step: Step, next: Step) -> Result<Option<Step>, Stop> {
        self.mover.advance(&self.row, step, next).await?;
        Ok(Some(next))
    }

    /// Owner rows for partitions that are new.
    async fn make_buckets(&self) -> Result<(), Stop> {
        let topology = self.mover.catalog.current();
        for bucket in self.partitions.iter() {
            let place = topology.place_of(bucket).ok_or_else(|| Stop::Wrong(format!("bucket {bucket} has ended")))?;
            let engine = self.mover.engine(place.shard.0).await?;
            transact(&*engine, move |tx| Box::pin(make(tx, bucket))).await?;
        }
        Ok(())
    }

    /// From here on whoever hears of a picture copies it.
    async fn commit(&self) -> Result<(), Stop> {
        let (user, shard, (home, epoch)) = (self.user.get(), self.row.source, self.home);
        let partitions = self.partitions.clone();
        let edit = move |parts: &mut Parts| {
            parts.buckets[home.0 as usize] = Some(Owner(shard, epoch.0 + 1));
            parts.partitions.entry(user).or_insert_with(|| partitions.clone());
        };
        let (id, token) = (self.row.id, self.row.token);
        let record: Record =
            Arc::new(move |tx| Box::pin(rows::advance_in(tx, id, token, Step::Commit, Step::Activate, now_ms())));
        self.mover.commit(id, token, &edit, record).await
    }

    /// Copies what was there before, then takes away what is not there any more: copies that an earlier, broken-off filling left. False:
    /// it was stopped on the way.
    async fn fill(&self, ending: &CancellationToken) -> Result<bool, Stop> {
        let mut truth = Primary(&*self.engine);
        let rows_total = images::count(&mut truth, self.home.0, self.user).await?.0;
        let mut figures = Figures { rows_total, ..Figures::default() };
        let (mut before, limit): (Option<ImageId>, _) = (None, self.mover.settings.page_rows);
        loop {
            if !self.is_wanted() {
                return Ok(true);
            }
            if self.mover.is_to_stop(&self.row, ending).await {
                return Ok(false);
            }
            let page = images::page(&mut truth, self.home.0, self.user, before.as_ref(), true, limit).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.image.id.clone());
            figures.rows_copied += page.len() as u64;
            self.put(page).await?;
            rows::note(self.mover.catalog.engine(), self.row.id, self.row.token, figures).await?;
        }
        for bucket in self.partitions.iter() {
            self.sweep(bucket).await?;
        }
        Ok(true)
    }

    /// Whether nobody has ended these partitions meanwhile.
    fn is_wanted(&self) -> bool {
        let topology = self.mover.catalog.current();
        topology.partitions_of(self.user).is_some_and(|now| now.buckets == self.partitions.buckets)
    }

    async fn put(&self, page: Vec<ImageRow>) -> Result<(), Stop> {
        let mut parts: BTreeMap<Bucket, Vec<ImageRow>> = BTreeMap::new();
        for row in page {
            parts.entry(self.partitions.of(&row.image.id)).or_default().push(row);
        }
        for (bucket, rows) in parts {
            for some in rows.chunks(TOGETHER).map(<[_]>::to_vec) {
                self.write(bucket, move |tx| {
                    Box::pin(async move {
                        for row in &some {
                            copies::put(tx, row).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
            }
        }
        Ok(())
    }

    /// The copies are read first: what the truth does not have then was removed for good.
    async fn sweep(&self, bucket: Bucket) -> Result<(), Stop> {
        let mut before: Option<ImageId> = None;
        loop {
            let Some(place) = self.mover.catalog.current().place_of(bucket) else { return Ok(()) };
            let engine = self.mover.engine(place.shard.0).await?;
            let limit = u32::try_from(images::FIND_MAX).unwrap_or(u32::MAX);
            let page = images::page(&mut Primary(&*engine), bucket, self.user, before.as_ref(), false, limit).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.image.id.clone());
            let mut ids: Vec<ImageId> = page.into_iter().map(|row| row.image.id).collect();
            let found = images::find(&mut Primary(&*self.engine), &ids).await?;
            let is_right = |id: &ImageId| {
                self.partitions.of(id) == bucket
                    && found.iter().any(|(there, row)| (*there, &row.image.id) == (self.home.0, id))
            };
            ids.retain(|id| !is_right(id));
            if ids.is_empty() {
                continue;
            }
            let user = self.user;
            self.write(bucket, move |tx| {
                Box::pin(async move {
                    for id in &ids {
                        copies::remove(tx, user, id, now_ms()).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        }
    }

    async fn write<W>(&self, bucket: Bucket, work: W) -> Result<(), Stop>
    where
        W: for<'t> FnOnce(&'t mut BucketTx<'_>) -> store::BoxFuture<'t, store::Result<()>> + Send + 'static,
    {
        // One that has ended needs no copies.
        let Some(place) = self.mover.catalog.current().place_of(bucket) else { return Ok(()) };
        let shard = Shard::new(place.shard, self.mover.engine(place.shard.0).await?);
        match shard.write_user(place.ownership(), self.user, work).await {
            Ok(_) => Ok(()),
            Err(store::Error::Moved { .. }) => {
                self.mover.catalog.catch_up().await?;
                Err(Stop::Again(format!("bucket {bucket} has changed hands")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// From here on they are read from.
    async fn show(&self) -> Result<(), Stop> {
        let (user, buckets) = (self.user.get(), self.partitions.buckets.clone());
        let edit = move |parts: &mut Parts| {
            if let Some(partitions) = parts.partitions.get_mut(&user).filter(|now| now.buckets == buckets) {
                partitions.shown = true;
            }
        };
        let (id, token) = (self.row.id, self.row.token);
        let record: Record =
            Arc::new(move |tx| Box::pin(rows::advance_in(tx, id, token, Step::Clean, Step::Done, now_ms())));
        if self.mover.change(|_| (&edit, Arc::clone(&record))).await? { Ok(()) } else { Err(Stop::Lost) }
    }
}
