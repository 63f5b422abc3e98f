//! The engine in this process: moka, bounded by bytes.

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache as Moka;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use serde::{Deserialize, Serialize};

use crate::engine::{BoxFuture, Engine, Error};
use crate::{Entry, metrics};

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
}

#[derive(Clone)]
struct Held {
    entry: Entry,
    ttl: Duration,
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
        Self { entries }
    }

    /// Bytes held now, after the upkeep that is due.
    pub async fn held_bytes(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.weighted_size()
    }
}

impl Engine for InProcess {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>> {
        Box::pin(async move { Ok(self.entries.get(key).await.map(|held| held.entry)) })
    }

    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let result = self
                .entries
                .entry_by_ref(key)
                .and_compute_with(|present| {
                    let newer = present.is_none_or(|present| entry.is_newer_than(&present.value().entry));
                    std::future::ready(if newer { Op::Put(Held { entry, ttl }) } else { Op::Nop })
                })
                .await;
            Ok(matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_)))
        })
    }
}
