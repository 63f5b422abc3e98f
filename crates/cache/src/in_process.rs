//! The engine in this process: moka, bounded by bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache as Moka;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use serde::{Deserialize, Serialize};

use crate::engine::{BoxFuture, Engine, Error};
use crate::{Entry, State, metrics};

/// What an entry takes beside its bytes: key, table, counters; rounded up from moka's own structures.
const OVERHEAD_BYTES: usize = 160;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Entries of all classes together, in bytes with their overhead. Beyond, the least worth keeping goes (`TinyLFU`).
    pub capacity_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity_bytes: 8 * 1024 * 1024 }
    }
}

/// The engine in this process.
pub struct InProcess {
    entries: Moka<String, Held>,
    /// Values of an earlier generation are not answered.
    generation: AtomicU64,
}

#[derive(Clone)]
struct Held {
    entry: Entry,
    ttl: Duration,
    generation: u64,
}

impl Held {
    /// What it still says: of a value that is not trusted any more, that its version exists.
    fn trusted(self, generation: u64) -> Entry {
        match self.entry.state {
            State::Value(_) if self.generation != generation => {
                Entry { version: self.entry.version, state: State::Stale }
            }
            _ => self.entry,
        }
    }
}

struct ByEntry;

impl Expiry<String, Held> for ByEntry {
    fn expire_after_create(&self, _key: &String, held: &Held, _created: Instant) -> Option<Duration> {
        Some(held.ttl)
    }

    fn expire_after_update(
        &self,
        _key: &String,
        held: &Held,
        _at: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(held.ttl)
    }
}

impl InProcess {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        let entries = Moka::builder()
            .max_capacity(settings.capacity_bytes)
            .weigher(|key: &String, held: &Held| {
                u32::try_from(key.len() + held.entry.weight_bytes() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .expire_after(ByEntry)
            .eviction_listener(|key, _held, cause| match cause {
                RemovalCause::Size => metrics::evicted(&key, "size"),
                RemovalCause::Expired => metrics::evicted(&key, "expired"),
                RemovalCause::Explicit | RemovalCause::Replaced => {}
            })
            .build();
        Self { entries, generation: AtomicU64::new(0) }
    }

    /// Bytes held now, after the upkeep that is due.
    pub async fn held_bytes(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.weighted_size()
    }

    /// The entry under a key that has not run out.
    pub(crate) async fn entry(&self, key: &str) -> Option<Entry> {
        let held = self.entries.get(key).await?;
        Some(held.trusted(self.generation()))
    }

    /// Keeps an entry that was obtained in a generation, unless what is held is as new.
    pub(crate) async fn keep(&self, generation: u64, key: &str, entry: Entry, ttl: Duration) -> bool {
        let result = self
            .entries
            .entry_by_ref(key)
            .and_compute_with(|present| {
                let present = present.map(|present| present.into_value().trusted(self.generation()));
                let newer = present.is_none_or(|present| entry.is_newer_than(&present));
                std::future::ready(if newer { Op::Put(Held { entry, ttl, generation }) } else { Op::Nop })
            })
            .await;
        matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    /// Ask for it before what is to be kept is read.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Begins a generation: values held, and those on their way, are not answered any more.
    pub(crate) fn distrust(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Engine for InProcess {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>> {
        Box::pin(async move { Ok(self.entry(key).await) })
    }

    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.keep(self.generation(), key, entry, ttl).await) })
    }
}
