//! Two tiers: the engine in this process over one that all processes share.
//!
//! Near copies live a second at most, so a change made elsewhere is seen by then whatever is lost on the way; the shared engine's
//! messages ([`Tiered::hear`]) make it milliseconds. What the shared engine could not be told is repeated until it has heard it.

mod unsent;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, Error, Lease};
use crate::{Entry, InProcess, State, Ttl, metrics};
use unsent::Unsent;

/// How long what is heard of other processes is remembered here: longer than a look-up under way may take to bring something older.
const HEARD_TTL: Duration = Duration::from_secs(10);

/// A near tier over a shared one.
pub struct Tiered {
    near: InProcess,
    shared: Arc<dyn Engine>,
    near_ttl: Duration,
    unsent: Unsent,
}

impl Tiered {
    /// Values are kept near for `near_ttl` at most: the longest that a change made by another process may go unseen.
    pub fn new(near: InProcess, shared: Arc<dyn Engine>, near_ttl: Duration) -> Self {
        Self { near, shared, near_ttl, unsent: Unsent::default() }
    }

    /// Another process has written this: an invalidation, a deletion, or a newer value, of which only the version is said.
    pub async fn hear(&self, key: &str, entry: Entry) {
        let buried = match entry.state {
            State::Value(_) => Entry { version: entry.version, state: State::Stale },
            State::Stale | State::Gone => entry,
        };
        self.near.keep(self.near.generation(), key, buried, HEARD_TTL).await;
    }

    /// Messages may have been missed: no value that is held near, or on its way there, is answered any more. Deletions and
    /// invalidations stay.
    pub fn distrust(&self) {
        self.near.distrust();
        metrics::distrusted();
    }

    /// Repeats what the shared engine could not be told, for as long as it is polled. Run it beside the cache.
    pub async fn repeat(&self) {
        self.unsent.repeat(&*self.shared).await;
    }

    pub(crate) async fn get(&self, key: &str, near_ttl: Duration) -> Result<Option<Entry>, Error> {
        let near = self.near.entry(key).await;
        if near.as_ref().is_some_and(Entry::answers) {
            metrics::near_hit();
            return Ok(near);
        }
        let generation = self.near.generation();
        match self.shared.get(key).await? {
            Some(found) if near.as_ref().is_none_or(|near| found.is_newer_than(near)) => {
                Ok(Some(self.copied(generation, key, found, near_ttl).await))
            }
            // It was not told yet what is known here.
            _ => Ok(near),
        }
    }

    pub(crate) async fn set_if_newer(&self, key: &str, entry: Entry, ttl: Ttl) -> Result<bool, Error> {
        let generation = self.near.generation();
        if entry.state.buries() {
            // Here first: from now on this process answers nothing older, whatever the shared engine does.
            self.near.keep(generation, key, entry.clone(), ttl.near).await;
            let told = self.shared.set_if_newer(key, entry.clone(), ttl.shared).await;
            if told.is_err() {
                self.unsent.add(key, entry, ttl.shared);
            }
            return told;
        }
        if self.near.entry(key).await.is_some_and(|near| near.is_newer_than(&entry)) {
            return Ok(false);
        }
        let near_ttl = ttl.near.min(self.near_ttl);
        match self.shared.set_if_newer(key, entry.clone(), ttl.shared).await {
            Ok(false) => {
                // There is something as new in the shared engine: what is older here must not be answered either.
                let known = Entry { version: entry.version, state: State::Stale };
                self.near.keep(generation, key, known, HEARD_TTL).await;
                Ok(false)
            }
            told => {
                self.near.keep(generation, key, entry, near_ttl).await;
                told
            }
        }
    }

    pub(crate) async fn lease(&self, key: &str, ttl: Duration, near_ttl: Duration) -> Result<Lease, Error> {
        // Another flight of this process may have landed since the caller looked.
        if let Some(near) = self.near.entry(key).await.filter(Entry::answers) {
            return Ok(Lease::Found(near));
        }
        let generation = self.near.generation();
        match self.shared.lease(key, ttl).await? {
            Lease::Found(found) => {
                let near = self.near.entry(key).await;
                if near.is_none_or(|near| found.is_newer_than(&near)) {
                    Ok(Lease::Found(self.copied(generation, key, found, near_ttl).await))
                } else {
                    Ok(Lease::Granted)
                }
            }
            lease => Ok(lease),
        }
    }

    pub(crate) async fn release(&self, key: &str) {
        self.shared.release(key).await;
    }

    /// Keeps a copy near of what the shared engine has said.
    async fn copied(&self, generation: u64, key: &str, found: Entry, near_ttl: Duration) -> Entry {
        if found.answers() {
            metrics::shared_hit();
            self.near.keep(generation, key, found.clone(), near_ttl.min(self.near_ttl)).await;
        }
        found
    }
}
