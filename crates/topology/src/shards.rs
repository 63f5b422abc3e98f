//! The shards of the present topology, open and ready: what a service routes its reads and writes through.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Bucket, ShardId, UserId};
use runtime::shutdown::Shutdown;
use store::{BoxFuture, BucketTx, Ownership, Read, Shard, Written};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::backoff::Backoff;
use crate::error::Result;
use crate::heat::Heat;
use crate::map::{Place, Topology};
use crate::metrics;
use crate::opener::Opener;
use crate::registry::{self, Open};
use crate::watch::Watch;

/// How long a write waits for a shard that the topology names and this process is still opening.
const OPENING: Duration = Duration::from_secs(2);

/// How long a write waits for a bucket that changes hands at this moment, and how many may wait.
const MOVING: Duration = Duration::from_secs(2);
const WAITERS: usize = 1000;
/// Between two tries while nothing is heard of the bucket.
const FIRST_TRY: Duration = Duration::from_millis(4);
const LONGEST_TRY: Duration = Duration::from_millis(100);

/// Every shard of the present topology. Clones share everything.
#[derive(Clone, Debug)]
pub struct Shards {
    watch: Watch,
    pub(crate) view: watch::Receiver<Arc<View>>,
    waiters: Arc<Semaphore>,
    heat: Arc<Heat>,
}

/// A topology with the shards that are open for it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) topology: Arc<Topology>,
    pub(crate) open: BTreeMap<ShardId, Open>,
}

/// What a request is routed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user: its private bucket if pinned, else `id % 4096`.
    User(UserId),
    /// A bucket that was computed otherwise: of an e-mail, of an idempotency key, of a row at hand.
    Bucket(Bucket),
    /// A bucket with copies of a user's rows. Its writers take turns like those of the user's own.
    Partition(UserId, Bucket),
}

impl From<UserId> for Key {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<Bucket> for Key {
    fn from(bucket: Bucket) -> Self {
        Self::Bucket(bucket)
    }
}

impl Shards {
    /// Opens every shard of the present topology, then opens and closes as the topology changes, until the soft signal.
    ///
    /// A shard that comes later and cannot be opened is tried again with back-off; meanwhile its buckets are unavailable.
    ///
    /// # Errors
    /// [`crate::Error::Shard`] where a shard does not open, [`crate::Error::ForeignShard`] where it is not the one expected.
    pub async fn open(watch: Watch, opener: Opener, shutdown: &Shutdown) -> Result<Self> {
        let topology = watch.current();
        let open = registry::open_all(&topology, &opener, shutdown).await?;
        metrics::shards_open(open.len());
        let (sender, view) = watch::channel(Arc::new(View { topology, open }));
        shutdown.spawn(registry::follow(watch.subscribe(), opener, sender, shutdown.clone()));
        Ok(Self { watch, view, waiters: Arc::new(Semaphore::new(WAITERS)), heat: Arc::default() })
    }

    /// The topology that requests are routed by now.
    pub fn topology(&self) -> Arc<Topology> {
        self.view.borrow().topology.clone()
    }

    /// Which users are asked for most. Writes are counted here; a read may never come by here, so whoever answers it counts it.
    pub fn heat(&self) -> &Heat {
        &self.heat
    }

    /// Tells when the topology or the set of open shards has changed.
    pub fn changed(&self) -> Changed {
        Changed(self.view.clone())
    }

    /// Asks the router now; returns the topology routed by afterwards. For a token or a refusal that knows more than we do.
    pub async fn refresh(&self) -> Arc<Topology> {
        let newest = self.watch.refresh().await.version();
        let mut view = self.view.clone();
        let there = view.wait_for(|view| view.topology.version() >= newest);
        // The registry follows within microseconds; it only stands still when the process stops.
        let _ = timeout(OPENING, there).await;
        self.topology()
    }

    /// Where a key lives now.
    ///
    /// # Errors
    /// Unavailable for a private bucket that is not in the topology (any more).
    pub fn place(&self, key: impl Into<Key>) -> store::Result<Place> {
        place_in(&self.view.borrow().topology, key.into())
    }

    /// Runs a write transaction in the bucket of `key`. Refused as *moved*, it asks for the newest topology and runs again; where the
    /// bucket is changing hands at this moment it waits for that, for two seconds at most.
    ///
    /// The transaction runs in a task of its own: a caller that goes away does not cancel it. Of one user's writes, those of which
    /// the key is the user, one runs at a time: it may decide by what it has read of the user.
    ///
    /// # Errors
    /// What the work returns; [`store::Error::Moved`] where the bucket did not arrive anywhere in time; busy where too many wait for
    /// one; unavailable where its shard is not open.
    pub async fn write<T, W>(&self, key: impl Into<Key>, work: W) -> store::Result<Written<T>>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, store::Result<T>> + Clone + Send + 'static,
    {
        let key = key.into();
        if let Key::User(user) = key {
            self.heat.write(user);
        }
        let place = self.place(key)?;
        match write_in(&self.opened(place.shard).await?, key, place, work.clone()).await {
            Err(store::Error::Moved { .. }) => self.write_where_it_arrives(key, place, work).await,
            done => done,
        }
    }

    /// Nothing was written: the bucket is elsewhere, or on its way.
    async fn write_where_it_arrives<T, W>(&self, key: Key, refused: Place, work: W) -> store::Result<Written<T>>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, store::Result<T>> + Clone + Send + 'static,
    {
        metrics::moved();
        let _waiter = self.waiters.try_acquire().map_err(|_| store::Error::Busy)?;
        let deadline = Instant::now() + MOVING;
        let mut backoff = Backoff::new(FIRST_TRY, LONGEST_TRY);
        let mut place = refused;
        let mut next = place_in(&*self.refresh().await, key)?;
        loop {
            if next == place {
                next = self.elsewhere(key, place, backoff.wait()).await?;
            }
            if next != place {
                // Where it arrived it is let in within milliseconds.
                backoff.reset();
            }
            place = next;
            let ended = write_in(&self.opened(place.shard).await?, key, place, work.clone()).await;
            if !matches!(ended, Err(store::Error::Moved { .. })) || Instant::now() >= deadline {
                return ended;
            }
            next = self.place(key)?;
        }
    }

    /// The place of a key as soon as it is another one, or after a while the same.
    async fn elsewhere(&self, key: Key, place: Place, wait: Duration) -> store::Result<Place> {
        let mut view = self.view.clone();
        let other = view.wait_for(|view| place_in(&view.topology, key).is_ok_and(|now| now != place));
        let _ = timeout(wait, other).await;
        self.place(key)
    }

    /// A handle to read the bucket of `key` with, on the primary: for what is decided by, such as who may come in. It cannot be used
    /// where a write is decided. What is only shown is read by [`Shards::show`].
    ///
    /// # Errors
    /// Unavailable where the shard is not open.
    pub fn read(&self, key: impl Into<Key>) -> store::Result<Read> {
        let view = self.view.borrow();
        let place = place_in(&view.topology, key.into())?;
        view.shard(place.shard).map(|shard| shard.read(place.ownership()))
    }

    /// A user's bucket and a handle to read it with, both by one map: a user that gets another bucket just now is found in either.
    ///
    /// # Errors
    /// Unavailable where the shard is not open.
    pub fn read_user(&self, user: UserId) -> store::Result<(Bucket, Read)> {
        let view = self.view.borrow();
        let place = view.topology.locate(user);
        view.shard(place.shard).map(|shard| (place.bucket, shard.read(place.ownership())))
    }

    /// One shard by its id, if it is open.
    pub fn get(&self, shard: ShardId) -> Option<Shard> {
        self.view.borrow().shard(shard).ok()
    }

    /// Every shard that is open, by id: for work that can leave one out, such as dispatching and sweeping.
    pub fn all(&self) -> Vec<Shard> {
        self.view.borrow().open.values().map(|open| open.shard.clone()).collect()
    }

    /// Every shard that holds data, or an error: for answers that would be wrong without one, such as lists over all users.
    ///
    /// # Errors
    /// Unavailable where one of them is not open.
    pub fn every(&self) -> store::Result<Vec<Shard>> {
        let view = self.view.borrow();
        view.topology.live_shards().map(|shard| view.shard(shard.shard_id())).collect()
    }

    /// What a shard owns now, in the order of the buckets: who works through a shard's rows does so for these only.
    pub fn owned_buckets(&self, shard: ShardId) -> Vec<Ownership> {
        self.topology().owned_buckets(shard)
    }

    async fn opened(&self, id: ShardId) -> store::Result<Shard> {
        if let Some(shard) = self.get(id) {
            return Ok(shard);
        }
        let mut view = self.view.clone();
        let _ = timeout(OPENING, view.wait_for(|view| view.open.contains_key(&id))).await;
        self.view.borrow().shard(id)
    }
}

impl View {
    fn shard(&self, id: ShardId) -> store::Result<Shard> {
        self.open(id).map(|open| open.shard.clone())
    }

    pub(crate) fn open(&self, id: ShardId) -> store::Result<&Open> {
        match self.open.get(&id) {
            Some(open) => Ok(open),
            None => Err(store::Error::Unavailable(format!("shard {id} is not open"))),
        }
    }
}

async fn write_in<T, W>(shard: &Shard, key: Key, place: Place, work: W) -> store::Result<Written<T>>
where
    T: Send + 'static,
    W: for<'t> FnOnce(&'t mut BucketTx<'_>) -> BoxFuture<'t, store::Result<T>> + Send + 'static,
{
    match key {
        Key::User(user) | Key::Partition(user, _) => shard.write_user(place.ownership(), user, work).await,
        Key::Bucket(_) => shard.write(place.ownership(), work).await,
    }
}

pub(crate) fn place_in(topology: &Topology, key: Key) -> store::Result<Place> {
    match key {
        Key::User(user) => Ok(topology.locate(user)),
        Key::Bucket(bucket) | Key::Partition(_, bucket) => topology.place_of(bucket).ok_or_else(|| {
            store::Error::Unavailable(format!("bucket {bucket} is not in topology {}", topology.version()))
        }),
    }
}

/// Waits for changes of the topology or of the open shards.
#[derive(Debug)]
pub struct Changed(watch::Receiver<Arc<View>>);

impl Changed {
    /// Returns at the next change; never again once the process stops.
    pub async fn wait(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
