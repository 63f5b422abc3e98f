//! The mover: takes moves from the catalog, a few at a time, and does their steps. Every router has one; a move's lease says whose it is.
//!
//! What a step may do to whom is decided in the `moves` crate. Here it is done.

mod commit;
mod compare;
mod copy;
mod drive;
mod owners;
mod pace;
mod partition;
mod rebucket;
mod settings;
mod stop;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::time::now_ms;
use runtime::shutdown::Shutdown;
use store::Engine;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use topology::{Opener, ShardInfo};

use crate::error::{Error, Result};
use crate::store::catalog::Catalog;
use crate::store::moves::{self, Move};

pub(crate) use rebucket::FIRST_EPOCH;
pub use settings::Settings;

/// How often it is looked for a move that another router left, that waited, or whose grace time is over.
const LOOK: Duration = Duration::from_millis(250);

/// An engine and what it was opened for.
type Opened = (ShardInfo, Arc<dyn Engine>);

/// What the workers share.
pub(crate) struct Mover {
    catalog: Catalog,
    opener: Opener,
    settings: Settings,
    /// Who we are in a lease: for people who look at the catalog.
    holder: String,
    /// There may be something to do.
    wake: Notify,
    /// The engines of shards that moves have to do with, kept open.
    engines: Mutex<BTreeMap<u32, Opened>>,
    /// Commits of one router wait for one another here, not for one another's failures at the catalog.
    committing: Mutex<()>,
    /// Held by the move that is in its pause.
    pausing: Mutex<()>,
}

impl Mover {
    pub(crate) fn new(catalog: Catalog, opener: Opener, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            catalog,
            opener,
            settings,
            holder: uuid::Uuid::new_v4().simple().to_string(),
            wake: Notify::new(),
            engines: Mutex::default(),
            committing: Mutex::default(),
            pausing: Mutex::default(),
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Says that moves were planned.
    pub(crate) fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Starts the workers. They end with the soft signal, each after the step it is at; a pause is brought to its end first.
    pub(crate) fn run(self: &Arc<Self>, shutdown: &Shutdown) {
        for _ in 0..self.settings.parallel {
            shutdown.spawn(Arc::clone(self).work(shutdown.soft.clone()));
        }
        if self.settings.parallel > 0 {
            shutdown.spawn(Arc::clone(self).look(shutdown.soft.clone()));
        }
    }

    /// Wakes the workers where there is something to do.
    async fn look(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match moves::any_free(self.catalog.engine(), now_ms(), self.settings.grace_ms).await {
                Ok(true) => self.wake(),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "moves cannot be looked for"),
            }
        }
    }

    /// Does moves for as long as there are free ones, then waits to be woken.
    async fn work(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let woken = self.wake.notified();
            match self.claim().await {
                Ok(Some(claimed)) => {
                    let id = claimed.id;
                    if let Err(error) = drive::drive(&self, claimed, &stop).await {
                        tracing::warn!("move.id" = id, %error, "a move was put down; it is taken up again");
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "no move can be claimed"),
            }
            stop.run_until_cancelled(woken).await;
        }
    }

    async fn claim(&self) -> Result<Option<Move>> {
        let (lease, grace) = (self.settings.lease_ms, self.settings.grace_ms);
        moves::claim(self.catalog.engine(), self.holder.clone(), now_ms(), lease, grace).await
    }

    /// The engine of a shard, open and prepared.
    pub(crate) async fn engine(&self, shard: u32) -> Result<Arc<dyn Engine>> {
        let topology = self.catalog.current();
        let info = topology.shard(model::ShardId(shard)).ok_or(Error::UnknownShard(shard.to_string()))?.clone();
        if let Some((known, engine)) = self.engines.lock().await.get(&shard)
            && *known == info
        {
            return Ok(Arc::clone(engine));
        }
        let engine = topology::identity::open(&self.opener, topology.cluster_id(), &info).await?;
        self.engines.lock().await.insert(shard, (info, Arc::clone(&engine)));
        Ok(engine)
    }

    /// Opens a database that is not a shard yet.
    pub(crate) fn opener(&self) -> &Opener {
        &self.opener
    }
}
