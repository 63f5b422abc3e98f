//! The catalog: the present topology in memory, every change of it compared and set in the database first, then told to all watchers.

use std::sync::Arc;

use store::{BoxFuture, Engine, Transaction, transact};
use tokio::sync::watch;
use topology::{Parts, Topology};

use crate::domain::{block, change};
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::rows;

/// The open catalog. Clones share it.
#[derive(Clone)]
pub struct Catalog {
    engine: Arc<dyn Engine>,
    current: Arc<watch::Sender<Arc<Topology>>>,
}

/// A block of ids: the first and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The first id.
    pub first: u64,
    /// How many; the last is `first + count - 1`.
    pub count: u32,
}

/// Writes the first topology. False where another process was first.
pub(crate) async fn begin(engine: &dyn Engine, first: Parts) -> Result<bool> {
    let (begun, _) = transact(engine, move |tx| {
        Box::pin(async move {
            let begun = tx.execute(BEGIN, &[first.version.into()]).await?;
            if begun == 0 {
                return Ok(false);
            }
            let shards = i64::try_from(first.shards.len()).unwrap_or(1);
            rows::write(tx, &change::Difference { shards: first.shards, ..change::Difference::default() }).await?;
            tx.execute(FIRST_BUCKETS, &[shards.into()]).await?;
            tx.execute("INSERT INTO id_block (id, next) VALUES (1, 1)", &[]).await?;
            Ok(true)
        })
    })
    .await?;
    Ok(begun)
}

/// Notes that these shards' databases hold the cluster's identity now.
pub(crate) async fn mark_adopted(engine: &dyn Engine, shards: Vec<u32>) -> Result<()> {
    transact(engine, move |tx| {
        Box::pin(async move {
            for shard in shards {
                mark(tx, shard).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(())
}

/// Notes the same of one shard, within a transaction.
pub(crate) async fn mark(tx: &mut dyn Transaction, shard: u32) -> store::Result<()> {
    tx.execute("UPDATE shard SET adopted = 1 WHERE id = $1", &[shard.into()]).await.map(drop)
}

const BEGIN: &str = "INSERT INTO topology (id, version) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

/// The first map in one statement: bucket `b` on shard `b % N`, epoch 1.
const FIRST_BUCKETS: &str = "INSERT INTO bucket (bucket, shard, epoch)
    WITH RECURSIVE numbers (n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < 4095)
    SELECT n, n % $1, 1 FROM numbers";

const COMPARE_AND_SET: &str = "UPDATE topology SET version = version + 1 WHERE id = 1 AND version = $1";

const LEASE: &str = "UPDATE id_block SET next = next + $1 WHERE id = 1 AND next <= $2 RETURNING next";

impl Catalog {
    pub(crate) fn new(engine: Arc<dyn Engine>, topology: Topology) -> Self {
        metrics::version(topology.version());
        Self { engine, current: Arc::new(watch::Sender::new(Arc::new(topology))) }
    }

    /// The present topology.
    pub fn current(&self) -> Arc<Topology> {
        self.current.borrow().clone()
    }

    /// Tells of every newer topology.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Topology>> {
        self.current.subscribe()
    }

    /// Changes the topology that has version `expected`. When this returns, the change is durable and on its way to all watchers.
    ///
    /// # Errors
    /// [`Error::Stale`] where the version is another one (somebody was faster), [`Error::Refused`] where the result would break
    /// a rule, [`Error::Catalog`] where the database fails.
    pub async fn change(&self, expected: u64, edit: impl FnOnce(&mut Parts)) -> Result<Arc<Topology>> {
        let before = self.current();
        if before.version() != expected {
            return Err(stale(expected, before.version()));
        }
        self.change_with(&before, edit, |_| Box::pin(async { Ok(()) })).await
    }

    /// The same on the topology at hand, with more in the same transaction: an error of `also` takes all of it back.
    ///
    /// # Errors
    /// Those of [`Catalog::change`] and of `also`.
    pub(crate) async fn change_with(
        &self,
        before: &Topology,
        edit: impl FnOnce(&mut Parts),
        also: impl for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, store::Result<()>> + Send + 'static,
    ) -> Result<Arc<Topology>> {
        let expected = before.version();
        let after = change::apply(before, edit)?;
        let difference = change::difference(&before.to_parts(), &after.to_parts());
        let won = transact(&*self.engine, move |tx| {
            Box::pin(async move {
                let won = tx.execute(COMPARE_AND_SET, &[expected.into()]).await? == 1;
                if won {
                    rows::write(tx, &difference).await?;
                    also(tx).await?;
                }
                Ok(won)
            })
        });
        if won.await?.0 {
            return Ok(self.publish(after));
        }
        self.catch_up().await?;
        Err(stale(expected, self.current().version()))
    }

    /// The catalog's database.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Reads the catalog again if another router has changed it.
    pub async fn catch_up(&self) -> Result<()> {
        let current = self.current();
        if rows::version(&*self.engine).await? > Some(current.version())
            && let Some(newer) = rows::load(&*self.engine, current.cluster_id()).await?
        {
            self.publish(newer);
        }
        Ok(())
    }

    /// Leases a block of about `count` user ids (see [`block::length`]); durable when this returns.
    ///
    /// # Errors
    /// [`Error::BlockLength`], [`Error::NoIdsLeft`], [`Error::Catalog`]; after the last one a block may be lost, never leased twice.
    pub async fn lease(&self, count: u32) -> Result<Block> {
        let length = block::length(count).ok_or(Error::BlockLength(count))?;
        let last_start = block::last_start(length);
        let next = transact(&*self.engine, move |tx| {
            Box::pin(async move {
                let rows = tx.returning(LEASE, &[length.into(), last_start.into()]).await?;
                rows.first().map(|row| row.u64(0)).transpose()
            })
        });
        let next = next.await?.0.ok_or(Error::NoIdsLeft)?;
        metrics::leased(length);
        Ok(Block { first: next - u64::from(length), count: length })
    }

    /// Never backwards: of two that come at once, the newer stays.
    fn publish(&self, topology: Topology) -> Arc<Topology> {
        let topology = Arc::new(topology);
        self.current.send_if_modified(|current| {
            let newer = topology.version() > current.version();
            if newer {
                *current = topology.clone();
                metrics::version(topology.version());
            }
            newer
        });
        topology
    }
}

fn stale(expected: u64, found: u64) -> Error {
    metrics::stale();
    Error::Stale { expected, found }
}
