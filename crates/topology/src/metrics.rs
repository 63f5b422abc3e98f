//! What this library counts.

use metrics::{counter, gauge};

/// The version that this process routes by.
pub(crate) fn version(version: u64) {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    gauge!("myriad_topology_version").set(version as f64);
}

/// Whether the stream from the router is open.
pub(crate) fn watching(open: bool) {
    gauge!("myriad_topology_watching").set(if open { 1.0 } else { 0.0 });
}

/// How many shards are open.
pub(crate) fn shards_open(count: usize) {
    gauge!("myriad_topology_shards_open").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}

/// A write met a shard that no longer owns its bucket (or does so in another epoch).
pub(crate) fn moved() {
    counter!("myriad_topology_moved_total").increment(1);
}

/// A block of user ids was leased, or was not.
pub(crate) fn lease(done: bool) {
    counter!("myriad_user_id_leases_total", "result" => if done { "done" } else { "failed" }).increment(1);
}
