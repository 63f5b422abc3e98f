//! The one point of a move where it takes effect: a change of the topology, and what is recorded beside it.

use std::sync::Arc;

use model::time::now_ms;
use model::{Bucket, Epoch};
use moves::Step;
use store::{BoxFuture, Transaction};
use topology::{Owner, Parts, Topology};

use super::Mover;
use super::stop::Stop;
use crate::error::{Error, Result};
use crate::store::moves::{self as rows, Move, Work};

/// How often the catalog is asked to commit while others change the topology.
const RACES: u32 = 100;

/// Makes a shard the owner of buckets, `later` epochs on.
pub(super) fn name_owner(buckets: &[(Bucket, Epoch)], shard: u32, later: u64) -> impl Fn(&mut Parts) {
    move |parts| {
        for (bucket, epoch) in buckets {
            parts.buckets[bucket.0 as usize] = Some(Owner(shard, epoch.0 + later));
        }
    }
}

/// What is written into a move's row beside a change of the topology. False: the row is not where it would have to be.
pub(super) type Record =
    Arc<dyn for<'t> Fn(&'t mut dyn Transaction) -> BoxFuture<'t, store::Result<bool>> + Send + Sync>;

impl Mover {
    /// The commit of a move: changes the topology and records the step after it.
    pub(super) async fn commit(
        &self,
        id: u64,
        token: u64,
        edit: &impl Fn(&mut Parts),
        record: Record,
    ) -> std::result::Result<(), Stop> {
        match self.change(|_| (edit, Arc::clone(&record))).await {
            Ok(true) => Ok(()),
            Ok(false) => self.was_recorded(id, token, Step::Activate).await,
            Err(Error::Catalog(cause @ store::Error::InDoubt(_))) => {
                self.catalog.catch_up().await?;
                self.was_recorded(id, token, Step::Activate).await.map_err(|_| cause.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Records that a step was done.
    pub(super) async fn advance(&self, row: &Move, step: Step, next: Step) -> std::result::Result<(), Stop> {
        if rows::advance(self.catalog.engine(), row.id, row.token, step, next, now_ms()).await? {
            return Ok(());
        }
        self.was_recorded(row.id, row.token, next).await
    }

    /// An answer may have been lost: the row says whether it is where we want it.
    async fn was_recorded(&self, id: u64, token: u64, next: Step) -> std::result::Result<(), Stop> {
        let row = rows::get(self.catalog.engine(), id).await?;
        let there = row.is_some_and(|row| row.token == token && row.step == next);
        if there { Ok(()) } else { Err(Stop::Lost) }
    }

    /// Changes the topology as `plan` says of the present one, together with what the record writes; again for as long as others change it
    /// in between. False: the record said no, and nothing was changed.
    pub(super) async fn change<E: FnOnce(&mut Parts)>(&self, plan: impl Fn(&Topology) -> (E, Record)) -> Result<bool> {
        let _one_at_a_time = self.committing.lock().await;
        for _ in 0..RACES {
            let before = self.catalog.current();
            let (edit, record) = plan(&before);
            let changed = self.catalog.change_with(&before, edit, move |tx| {
                Box::pin(async move {
                    if record(tx).await? {
                        return Ok(());
                    }
                    Err(store::Error::Moved { bucket: Bucket(0), found: None })
                })
            });
            match changed.await {
                Ok(_) => return Ok(true),
                Err(Error::Stale { .. }) => {}
                Err(Error::Catalog(store::Error::Moved { .. })) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy("the topology changed all the time: try again".to_owned()))
    }

    /// Undoes a move that is not committed: in the catalog, where the source gets a new epoch. Whoever claims the move does the rest. One
    /// that was committed meanwhile, or went back already, is left as it is.
    ///
    /// One that waits for buckets that have not come to its source, or never will, has done nothing yet: it is over, and they stay whose they are.
    pub(crate) async fn go_back(&self, row: &Move, reason: String) -> Result<()> {
        let (id, work) = (row.id, row.work);
        let plan = |before: &Topology| {
            let at_source = row.is_at_source(before);
            let as_before = name_owner(row.of_source(), row.source, 2);
            let made = &row.buckets[row.of_source().len()..];
            let edit = move |parts: &mut Parts| {
                if at_source {
                    as_before(parts);
                }
                // To what was made for it nobody was led: its number is not used again.
                match work {
                    Work::Isolate { own, .. } => parts.buckets[own.0 as usize] = None,
                    Work::Partition { user } if !parts.partitions.contains_key(&user.get()) => {
                        for (made, _) in made {
                            parts.buckets[made.0 as usize] = None;
                        }
                    }
                    Work::Buckets | Work::Return { .. } | Work::Partition { .. } | Work::Unpartition { .. } => {}
                }
            };
            let reason = reason.clone();
            let record: Record =
                Arc::new(move |tx| Box::pin(rows::turn_back(tx, id, at_source, reason.clone(), now_ms())));
            (edit, record)
        };
        self.change(plan).await?;
        self.wake();
        Ok(())
    }
}
