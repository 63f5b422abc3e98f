//! A shard: an engine with a number, written to bucket by bucket under the owner row's check.

use std::{fmt, sync::Arc};

use model::{Bucket, Epoch, ShardId, UserId};

use crate::{
    BoxFuture, BucketTx, Engine, Lock, Query, Result, Row, Transaction, Value, bucket_tx, engine,
    tables::bucket_owner::{self, OwnerRow},
};

/// A caller's claim that a shard owns a bucket since an epoch, taken from its topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// The bucket.
    pub bucket: Bucket,
    /// The epoch of the caller's topology.
    pub epoch: Epoch,
}

impl Ownership {
    /// Whether an owner row bears the claim out.
    fn is_of(self, row: &OwnerRow) -> bool {
        row.epoch == self.epoch && row.state.takes_writes()
    }
}

/// Where a write lies in a shard's log: what a consistency token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The shard.
    pub shard: ShardId,
    /// Rises with every promotion of the shard.
    pub role_epoch: u64,
    /// Rises with every commit.
    pub log: u64,
}

/// What a write answered, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<T> {
    /// The work's answer.
    pub value: T,
    /// Its place in the log.
    pub position: Position,
}

impl<T> Written<T> {
    /// The same write with another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: change(self.value), position: self.position }
    }
}

/// One shard. Cheap to clone.
#[derive(Clone)]
pub struct Shard {
    id: ShardId,
    engine: Arc<dyn Engine>,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("id", &self.id).field("engine", &self.engine.name()).finish()
    }
}

impl Shard {
    /// A shard on an engine whose database was prepared (`migrate::prepare`).
    pub fn new(id: ShardId, engine: Arc<dyn Engine>) -> Self {
        Self { id, engine }
    }

    /// Its number in the catalog.
    pub const fn id(&self) -> ShardId {
        self.id
    }

    /// Its database.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Runs work in one transaction on one bucket.
    ///
    /// The first statements take the bucket's shared lock and require its owner row to have the caller's epoch and to be
    /// `owned` or `logging`; else `Error::Moved` and the work is not run. While it is `logging`, each change is logged.
    pub async fn write<T: Send + 'static>(
        &self,
        own: Ownership,
        work: impl for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<Written<T>> {
        self.write_under(Lock::Shared(own.bucket), own, work).await
    }

    /// The same, alone among the writers of one user of the bucket: for work that reads rows of the user and decides by them.
    ///
    /// Two writers of one bucket run side by side where the engine can, and a statement of one sees what the other has committed
    /// meanwhile. A single guarded statement stands that; a read followed by a decision does not.
    pub async fn write_user<T: Send + 'static>(
        &self,
        own: Ownership,
        user: UserId,
        work: impl for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<Written<T>> {
        self.write_under(Lock::User(own.bucket, user), own, work).await
    }

    async fn write_under<T: Send + 'static>(
        &self,
        lock: Lock,
        own: Ownership,
        work: impl for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<Written<T>> {
        let (value, commit) = engine::transact(&*self.engine, move |tx| {
            Box::pin(async move {
                let logging = check_owner(tx, lock, own).await?;
                work(&mut bucket_tx::open(tx, own, logging)).await
            })
        })
        .await?;
        let position = Position { shard: self.id, role_epoch: commit.role_epoch, log: commit.log };
        Ok(Written { value, position })
    }

    /// Reads of one bucket, from the primary.
    pub fn read(&self, own: Ownership) -> Read {
        Read { engine: Arc::clone(&self.engine), own: Some(own) }
    }

    /// Reads of one bucket from another server that holds this shard's data, which may be behind.
    pub fn read_on(&self, engine: Arc<dyn Engine>, own: Ownership) -> Read {
        Read { engine, own: Some(own) }
    }

    /// Reads over all buckets, from the primary: lists, due outbox rows, the sweeper's finds.
    pub fn read_all(&self) -> Read {
        Read { engine: Arc::clone(&self.engine), own: None }
    }

    /// Gives a shard its first buckets. Buckets it has already with the same epoch stay as they are.
    ///
    /// Errors: `Unusable` where a bucket has an owner row of another epoch or state, which a bootstrap must not touch.
    pub async fn adopt(&self, buckets: Vec<(Bucket, Epoch)>) -> Result<()> {
        let name = self.engine.name().to_owned();
        engine::transact(&*self.engine, move |tx| Box::pin(bucket_owner::adopt(tx, name, buckets)))
            .await
            .map(|((), _)| ())
    }
}

async fn check_owner(tx: &mut dyn Transaction, lock: Lock, own: Ownership) -> Result<bool> {
    let row = bucket_owner::require(tx, lock, own.bucket, |row| own.is_of(row)).await?;
    Ok(row.state.logs_changes())
}

/// A handle that only reads. No write takes it, so that a replica's read can never decide one.
#[derive(Clone)]
pub struct Read {
    engine: Arc<dyn Engine>,
    own: Option<Ownership>,
}

impl Read {
    /// The bucket and epoch it was made for; none where it reads over all buckets.
    pub const fn ownership(&self) -> Option<Ownership> {
        self.own
    }

    /// Asks, after a read, whether the shard still had the bucket in this epoch while it was read: `Moved` if not.
    ///
    /// A read that only shows something need not; the topology is pushed and the old rows stay for a grace time.
    pub async fn still_owned(&mut self) -> Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        let found = bucket_owner::get(self, own.bucket).await?;
        bucket_owner::required(found, own.bucket, |row| own.is_of(row)).map(drop)
    }
}

impl Query for Read {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.engine.query(sql, params.to_vec())
    }
}
