//! Counters by class. Hits and misses tell whether the time to live is too short, evictions by size whether memory is.

use ::metrics::{Counter, counter, gauge};

/// The instruments of one class, looked up once.
pub(crate) struct Metrics {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) loads: Counter,
    pub(crate) load_failures: Counter,
    /// Entries that came too late to be kept.
    pub(crate) outdated: Counter,
    /// Calls that the engine did not answer.
    pub(crate) errors: Counter,
}

impl Metrics {
    pub(crate) fn new(class: &'static str) -> Self {
        Self {
            hits: counter!("myriad_cache_hits_total", "class" => class),
            misses: counter!("myriad_cache_misses_total", "class" => class),
            loads: counter!("myriad_cache_loads_total", "class" => class),
            load_failures: counter!("myriad_cache_load_failures_total", "class" => class),
            outdated: counter!("myriad_cache_outdated_total", "class" => class),
            errors: counter!("myriad_cache_errors_total", "class" => class),
        }
    }
}

/// An entry left by itself: `cause` is `size` or `expired`.
pub(crate) fn evicted(key: &str, cause: &'static str) {
    let class = key.split_once(':').map_or("", |(class, _)| class).to_owned();
    counter!("myriad_cache_evictions_total", "class" => class, "cause" => cause).increment(1);
}

/// A look-up of a tiered cache was answered in this process.
pub(crate) fn near_hit() {
    counter!("myriad_cache_tier_hits_total", "tier" => "near").increment(1);
}

/// A look-up of a tiered cache was answered by the shared engine.
pub(crate) fn shared_hit() {
    counter!("myriad_cache_tier_hits_total", "tier" => "shared").increment(1);
}

/// All near values were given up.
pub(crate) fn distrusted() {
    counter!("myriad_cache_near_distrusted_total").increment(1);
}

/// Invalidations that the shared engine is yet to be told.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
pub(crate) fn unsent(count: usize) {
    gauge!("myriad_cache_unsent").set(count as f64);
}

/// An invalidation that will not be repeated: too many wait.
pub(crate) fn unsent_dropped() {
    counter!("myriad_cache_unsent_dropped_total").increment(1);
}
