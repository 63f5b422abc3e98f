//! The dispatcher: for each shard two lanes that read due rows, deliver them, and delete what was delivered.
//!
//! Jobs have a lane of their own, because a job stays with the in-process queue for as long as a worker works at it, and
//! must not hold up a released address. In the other lane the events of one bucket go together and leave by one transaction.
//! A row is deleted after its delivery is confirmed and not before, so a crash means delivery again.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use model::{ShardId, time::now_ms};
use runtime::shutdown::Shutdown;
use store::{
    Ownership, Shard,
    tables::{
        Found,
        outbox::{self, MessageId, MessageRow},
    },
};
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

use super::{
    deliver::{Deliver, Undelivered},
    event::{Event, JOB},
};
use crate::{domain::backoff, metrics, store::Recipes};

/// The wait before rows are looked at again that came back untouched, or whose shard did not take the deletion.
const PAUSE: Duration = Duration::from_secs(1);

/// How long deliveries may go on after the soft signal: a worker's drain and a little, within a process's grace time.
const DRAIN: Duration = Duration::from_secs(7);

/// Which events a lane takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Jobs,
    Others,
}

/// Dispatches the outbox of every shard.
#[derive(Clone)]
pub struct Dispatcher {
    deliver: Deliver,
    shutdown: Shutdown,
}

impl Dispatcher {
    /// A dispatcher that delivers so.
    pub fn new(deliver: Deliver, shutdown: Shutdown) -> Self {
        Self { deliver, shutdown }
    }

    fn recipes(&self) -> &Recipes {
        &self.deliver.recipes
    }

    /// Runs the lanes of each shard there is, also of those that come later, until the soft signal.
    pub async fn run(self) {
        let mut changed = self.recipes().shards().changed();
        let mut running = HashSet::new();
        loop {
            running.retain(|shard| self.recipes().shards().get(*shard).is_some());
            for shard in self.recipes().shards().all() {
                if running.insert(shard.id()) {
                    self.shutdown.spawn(self.clone().lane(shard.id(), Lane::Jobs));
                    self.shutdown.spawn(self.clone().lane(shard.id(), Lane::Others));
                }
            }
            tokio::select! {
                () = self.shutdown.soft.cancelled() => return,
                () = changed.wait() => {}
            }
        }
    }

    async fn lane(self, id: ShardId, lane: Lane) {
        let settings = &self.recipes().config().outbox;
        let poll = Duration::from_millis(settings.poll_ms.into());
        let most = match lane {
            Lane::Jobs => settings.jobs_in_flight,
            Lane::Others => settings.events_in_flight,
        } as usize;
        let mut bell = self.bell(lane);
        let mut work = JoinSet::new();
        let mut busy = HashSet::new();
        while let Some(shard) = self.recipes().shards().get(id) {
            bell.borrow_and_update();
            if busy.len() < most {
                self.begin(&shard, lane, most, &mut busy, &mut work).await;
            }
            metrics::in_flight(lane.name(), id.to_string(), busy.len());
            tokio::select! {
                () = self.shutdown.soft.cancelled() => break,
                Some(ended) = work.join_next() => {
                    end(ended, &mut busy);
                    while let Some(ended) = work.try_join_next() {
                        end(ended, &mut busy);
                    }
                }
                // The bell cannot break: the recipes hold it.
                _ = bell.changed(), if busy.len() < most => {}
                () = tokio::time::sleep(poll), if busy.len() < most => {}
            }
        }
        // What was begun is finished; what takes longer is dropped and its rows stay.
        let _ = tokio::time::timeout(DRAIN, async { while work.join_next().await.is_some() {} }).await;
    }

    fn bell(&self, lane: Lane) -> watch::Receiver<u64> {
        match lane {
            Lane::Jobs => self.recipes().poke().jobs(),
            Lane::Others => self.recipes().poke().others(),
        }
    }

    /// Begins the delivery of due rows that are not on their way.
    async fn begin(
        &self,
        shard: &Shard,
        lane: Lane,
        most: usize,
        busy: &mut HashSet<MessageId>,
        work: &mut JoinSet<Vec<MessageId>>,
    ) {
        let limit = u32::try_from(most + busy.len()).unwrap_or(u32::MAX);
        let mut read = shard.read_all();
        let due = match lane {
            Lane::Jobs => outbox::due_of(&mut read, JOB, now_ms(), limit).await,
            Lane::Others => outbox::due_but(&mut read, JOB, now_ms(), limit).await,
        };
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, shard.id = %shard.id(), "the outbox cannot be read");
                return;
            }
        };
        for (own, messages) in lane.parcels(due, most, busy) {
            work.spawn(self.clone().parcel(shard.clone(), own, messages));
        }
    }

    /// Delivers messages of one bucket and settles their rows. Answers their ids, which are then no longer on their way.
    async fn parcel(self, shard: Shard, own: Ownership, messages: Vec<MessageRow>) -> Vec<MessageId> {
        let ids = messages.iter().map(|message| message.id).collect();
        let mut told = Vec::new();
        let mut failed = Vec::new();
        let mut untouched = false;
        for message in messages {
            match self.tell(&message).await {
                Ok(()) => told.push(message.id),
                Err(Undelivered::Untouched) => untouched = true,
                Err(_) => failed.push((message.id, now_ms() + self.wait_ms(message.attempts))),
            }
        }
        let settled = settle(&shard, own, told, failed).await;
        if let Err(error) = &settled {
            tracing::warn!(error = error as &dyn std::error::Error, shard.id = %shard.id(), "delivered rows could not be deleted and go again");
        }
        if untouched || settled.is_err() {
            let _ = self.shutdown.soft.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
        ids
    }

    async fn tell(&self, message: &MessageRow) -> Result<(), Undelivered> {
        let event = Event::parse(&String::from_utf8_lossy(&message.payload));
        let outcome = match event {
            Ok(event) => self.deliver.deliver(event, now_ms()).await,
            Err(error) => Err(error.into()),
        };
        let kind = kind_label(&message.kind);
        match &outcome {
            Ok(()) => {
                metrics::event(kind, "delivered");
                metrics::event_lag(kind, now_ms() - message.not_before_ms);
            }
            Err(Undelivered::Untouched) => metrics::event(kind, "untouched"),
            Err(Undelivered::Failed(reason)) => {
                metrics::event(kind, "retried");
                tracing::warn!(
                    event.kind = message.kind,
                    event.attempts = message.attempts,
                    reason,
                    "an event stays in the outbox"
                );
            }
            Err(Undelivered::Unreadable(error)) => {
                metrics::event(kind, "unreadable");
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    event.kind = message.kind,
                    "an event cannot be read"
                );
            }
        }
        outcome
    }

    fn wait_ms(&self, attempts: u32) -> i64 {
        let settings = &self.recipes().config().outbox;
        let (random, _) = Uuid::new_v4().as_u64_pair();
        backoff::delay_ms(attempts, settings.backoff_base_ms.into(), settings.backoff_max_ms.into(), random)
    }
}

/// Deletes what was told and puts off what failed, in one transaction of the bucket.
async fn settle(
    shard: &Shard,
    own: Ownership,
    told: Vec<MessageId>,
    failed: Vec<(MessageId, i64)>,
) -> store::Result<()> {
    if told.is_empty() && failed.is_empty() {
        return Ok(());
    }
    // Where the bucket has moved meanwhile its rows moved with it, and its new shard tells them again.
    let settled = shard
        .write(own, move |tx| {
            Box::pin(async move {
                for id in told {
                    outbox::remove(tx, id).await?;
                }
                for (id, not_before_ms) in failed {
                    outbox::postpone(tx, id, not_before_ms).await?;
                }
                Ok(())
            })
        })
        .await;
    settled.map(|_| ())
}

fn end(ended: Result<Vec<MessageId>, tokio::task::JoinError>, busy: &mut HashSet<MessageId>) {
    match ended {
        Ok(ids) => ids.iter().for_each(|id| {
            busy.remove(id);
        }),
        Err(error) => {
            // Its ids are lost with it: all may go again, which at-least-once allows.
            tracing::error!(error = &error as &dyn std::error::Error, "a delivery panicked");
            busy.clear();
        }
    }
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Others => "others",
        }
    }

    /// Rows that are not on their way, at most so that `most` are: each job alone, other events by bucket.
    fn parcels(
        self,
        due: Vec<Found<MessageRow>>,
        most: usize,
        busy: &mut HashSet<MessageId>,
    ) -> Vec<(Ownership, Vec<MessageRow>)> {
        let mut parcels: BTreeMap<_, (Ownership, Vec<MessageRow>)> = BTreeMap::new();
        for (index, found) in due.into_iter().enumerate() {
            if busy.len() >= most {
                break;
            }
            if !busy.insert(found.row.id) {
                continue;
            }
            let together = match self {
                Self::Jobs => index,
                Self::Others => found.own.bucket.0 as usize,
            };
            parcels.entry(together).or_insert_with(|| (found.own, Vec::new())).1.push(found.row);
        }
        parcels.into_values().collect()
    }
}

/// A bounded set of labels, whatever the column holds.
fn kind_label(kind: &str) -> &'static str {
    ["job", "release-email", "delete-objects", "delete-source", "feed-pictures", "feed-names", "invalidate"]
        .into_iter()
        .find(|known| *known == kind)
        .unwrap_or("unknown")
}
