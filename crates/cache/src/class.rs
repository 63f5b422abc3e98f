//! The typed side: a cache, and classes of values in it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::Result;

use crate::engine::{Engine, Error, Lease};
use crate::flight::Flights;
use crate::metrics::Metrics;
use crate::tiers::Tiers;
use crate::{Entry, InProcess, Policy, Settings, State, Tiered, Ttl, Version};

/// How long one process may keep the others from loading a key.
const LEASE_TTL: Duration = Duration::from_millis(500);
/// How long a process waits for another's load before it loads for itself.
const LEASE_WAIT: Duration = Duration::from_millis(100);

/// What can be kept: a value that goes to bytes and back.
pub trait Value: Clone + Send + Sync + 'static {
    /// The bytes to keep.
    fn encode(&self) -> Bytes;
    /// The value of such bytes; `None` for bytes of another release, which count as a miss.
    fn decode(bytes: Bytes) -> Option<Self>;
}

impl Value for Bytes {
    fn encode(&self) -> Bytes {
        self.clone()
    }

    fn decode(bytes: Bytes) -> Option<Self> {
        Some(bytes)
    }
}

/// A cache. Cheap to clone; clones share what is kept.
#[derive(Clone)]
pub struct Cache {
    tiers: Tiers,
}

impl Cache {
    /// A cache in this process.
    pub fn in_process(settings: Settings) -> Self {
        Self { tiers: Tiers::Near(Arc::new(InProcess::new(settings))) }
    }

    /// A cache on an engine that all processes share, and nothing in this one.
    pub fn shared(engine: Arc<dyn Engine>) -> Self {
        Self { tiers: Tiers::Shared(engine) }
    }

    /// A cache in this process over one that all processes share.
    pub fn tiered(tiered: Arc<Tiered>) -> Self {
        Self { tiers: Tiers::Both(tiered) }
    }

    /// A class of values. Make each once and clone it: clones share the single flight, two of the same name do not.
    pub fn class<V: Value>(&self, policy: Policy) -> Class<V> {
        Class(Arc::new(Inner {
            tiers: self.tiers.clone(),
            metrics: Metrics::new(policy.class),
            flights: Flights::new(),
            policy,
        }))
    }
}

/// A class of values in a cache. Cheap to clone.
pub struct Class<V>(Arc<Inner<V>>);

struct Inner<V> {
    tiers: Tiers,
    policy: Policy,
    metrics: Metrics,
    flights: Flights<Result<Option<V>>>,
}

impl<V> Clone for Class<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What a look-up found.
enum Found<V> {
    Value(V),
    Gone,
    Nothing,
}

impl<V: Value> Class<V> {
    /// The value kept under `id`, if any. An engine that does not answer is a miss.
    pub async fn get(&self, id: &str) -> Option<V> {
        match self.look_up(&self.key(id)).await {
            Found::Value(value) => Some(value),
            Found::Gone | Found::Nothing => None,
        }
    }

    /// Keeps a value for the class's time to live, unless what is kept is as new or newer. True if it was kept.
    pub async fn set_if_newer(&self, id: &str, version: Version, value: &V) -> bool {
        self.put(id, version, value, self.ttl()).await
    }

    /// The same with a time to live of its own, where that is shorter than the class's.
    pub async fn set_if_newer_for(&self, id: &str, version: Version, value: &V, ttl: Duration) -> bool {
        self.put(id, version, value, self.0.policy.at_most(ttl)).await
    }

    async fn put(&self, id: &str, version: Version, value: &V, ttl: Ttl) -> bool {
        let key = self.key(id);
        let kept = self.keep(&key, Entry { version, state: State::Value(value.encode()) }, ttl).await;
        self.0.flights.detach(&key);
        kept.unwrap_or(false)
    }

    /// The thing has `version` by now: nothing older is answered from here on. Repeat it where the engine did not answer.
    pub async fn invalidate(&self, id: &str, version: Version) -> std::result::Result<(), Error> {
        self.bury(id, Entry { version, state: State::Stale }).await
    }

    /// The thing was deleted with `version`: nothing as old or older is answered from here on, look-ups say that it is gone.
    /// Repeat it where the engine did not answer.
    pub async fn forget(&self, id: &str, version: Version) -> std::result::Result<(), Error> {
        self.bury(id, Entry { version, state: State::Gone }).await
    }

    /// The value kept under `id`; else what `load` finds, kept for the next caller. However many ask at once, one loads, and its
    /// error is everybody's. What does not exist is not kept, for it may exist the next moment.
    pub async fn get_or_load<F, L>(&self, id: &str, load: F) -> Result<Option<V>>
    where
        F: FnOnce() -> L + Send,
        L: Future<Output = Result<Option<(Version, V)>>> + Send,
    {
        let key = self.key(id);
        match self.look_up(&key).await {
            Found::Value(value) => return Ok(Some(value)),
            Found::Gone => return Ok(None),
            Found::Nothing => {}
        }
        let seat = self.0.flights.join(&key);
        let result = seat.flight.result.get_or_init(|| async {
            if let Some(found) = self.loaded_elsewhere(&key).await {
                seat.land();
                return Ok(found);
            }
            self.0.metrics.loads.increment(1);
            let begun = Instant::now();
            let loaded = load().await;
            let still_valid = seat.attached();
            let result = match loaded {
                Ok(Some((version, value))) => {
                    let mut ttl = self.ttl();
                    // Elsewhere a value's age counts from when it was read.
                    ttl.shared = ttl.shared.saturating_sub(begun.elapsed());
                    if still_valid && !ttl.shared.is_zero() {
                        let entry = Entry { version, state: State::Value(value.encode()) };
                        let _ = self.keep(&key, entry, ttl).await;
                    } else {
                        self.0.tiers.release(&key).await;
                    }
                    Ok(Some(value))
                }
                Ok(None) => {
                    self.0.tiers.release(&key).await;
                    Ok(None)
                }
                Err(error) => {
                    self.0.metrics.load_failures.increment(1);
                    self.0.tiers.release(&key).await;
                    Err(error)
                }
            };
            // Only now that it is kept, for whoever does not join any more must find it.
            seat.land();
            result
        });
        result.await.clone()
    }

    /// Waits a moment for another process that loads this key: what it has found. `None` where it is ours to load.
    async fn loaded_elsewhere(&self, key: &str) -> Option<Option<V>> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(2));
        loop {
            match self.0.tiers.lease(key, LEASE_TTL, self.0.policy.ttl).await {
                Lease::Granted => return None,
                Lease::Found(Entry { state: State::Value(bytes), .. }) => return V::decode(bytes).map(Some),
                Lease::Found(Entry { state: State::Gone, .. }) => return Some(None),
                Lease::Found(Entry { state: State::Stale, .. }) | Lease::Taken if begun.elapsed() >= LEASE_WAIT => {
                    return None;
                }
                Lease::Found(_) | Lease::Taken => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(16));
        }
    }

    async fn look_up(&self, key: &str) -> Found<V> {
        let metrics = &self.0.metrics;
        let found = match self.0.tiers.get(key, self.0.policy.ttl).await {
            Ok(Some(Entry { state: State::Value(bytes), .. })) => V::decode(bytes).map_or(Found::Nothing, Found::Value),
            Ok(Some(Entry { state: State::Gone, .. })) => Found::Gone,
            Ok(Some(Entry { state: State::Stale, .. }) | None) => Found::Nothing,
            Err(_) => {
                metrics.errors.increment(1);
                Found::Nothing
            }
        };
        match found {
            Found::Nothing => metrics.misses.increment(1),
            Found::Value(_) | Found::Gone => metrics.hits.increment(1),
        }
        found
    }

    async fn bury(&self, id: &str, entry: Entry) -> std::result::Result<(), Error> {
        let key = self.key(id);
        let buried = self.keep(&key, entry, self.0.policy.tombstone()).await;
        // After the entry, so that whoever loads from now on finds it in the way of anything older.
        self.0.flights.detach(&key);
        buried.map(|_| ())
    }

    async fn keep(&self, key: &str, entry: Entry, ttl: Ttl) -> std::result::Result<bool, Error> {
        let kept = self.0.tiers.set_if_newer(key, entry, ttl).await;
        match &kept {
            Ok(true) => {}
            Ok(false) => self.0.metrics.outdated.increment(1),
            Err(_) => self.0.metrics.errors.increment(1),
        }
        kept
    }

    fn key(&self, id: &str) -> String {
        format!("{}:{id}", self.0.policy.class)
    }

    fn ttl(&self) -> Ttl {
        self.0.policy.jittered(fastrand::f64())
    }
}
