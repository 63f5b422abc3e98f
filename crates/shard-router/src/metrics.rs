//! What the router counts.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// The version of the topology in the catalog.
pub(crate) fn version(version: u64) {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    gauge!("myriad_router_topology_version").set(version as f64);
}

/// A change that came too late.
pub(crate) fn stale() {
    counter!("myriad_router_stale_changes_total").increment(1);
}

/// User ids leased.
pub(crate) fn leased(ids: u32) {
    counter!("myriad_router_user_ids_leased_total").increment(ids.into());
}

/// How long writes to the buckets of a move waited.
pub(crate) fn paused(pause: Duration) {
    histogram!("myriad_router_move_pause_seconds").record(pause.as_secs_f64());
}

/// Counts one watcher for as long as it lives.
pub(crate) struct Watching;

impl Watching {
    /// A watcher came.
    pub(crate) fn begin() -> Self {
        gauge!("myriad_router_watchers").increment(1.0);
        Self
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        gauge!("myriad_router_watchers").decrement(1.0);
    }
}
