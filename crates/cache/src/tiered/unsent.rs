//! Invalidations and deletions that the shared engine could not be told: repeated until it has heard them, or until every value
//! that they are about has run out there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::engine::Engine;
use crate::{Entry, metrics};

/// Remembered at once; beyond, times to live are what bounds the age of what the shared engine answers.
const REMEMBERED: usize = 10_000;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct Unsent {
    waiting: Mutex<HashMap<Box<str>, Late>>,
    added: Notify,
}

#[derive(Clone)]
struct Late {
    entry: Entry,
    ttl: Duration,
    since: Instant,
}

impl Unsent {
    pub(super) fn add(&self, key: &str, entry: Entry, ttl: Duration) {
        let mut waiting = self.lock();
        let known = waiting.get(key);
        if known.is_none() && waiting.len() >= REMEMBERED {
            metrics::unsent_dropped();
            return;
        }
        if known.is_none_or(|known| !known.entry.is_newer_than(&entry)) {
            waiting.insert(key.into(), Late { entry, ttl, since: Instant::now() });
        }
        metrics::unsent(waiting.len());
        drop(waiting);
        self.added.notify_one();
    }

    pub(super) async fn repeat(&self, engine: &dyn Engine) {
        loop {
            let added = self.added.notified();
            let Some((key, late)) = self.any() else {
                added.await;
                continue;
            };
            // What it buries was set before it and is kept no longer than it is.
            let over = late.since.elapsed() >= late.ttl;
            if over || engine.set_if_newer(&key, late.entry.clone(), late.ttl).await.is_ok() {
                self.remove(&key, &late.entry);
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    fn any(&self) -> Option<(Box<str>, Late)> {
        self.lock().iter().next().map(|(key, late)| (key.clone(), late.clone()))
    }

    /// Unless it was replaced by a newer one meanwhile.
    fn remove(&self, key: &str, entry: &Entry) {
        let mut waiting = self.lock();
        if waiting.get(key).is_some_and(|late| late.entry == *entry) {
            waiting.remove(key);
        }
        metrics::unsent(waiting.len());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Late>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
