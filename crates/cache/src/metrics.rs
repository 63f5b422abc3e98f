//! Counters by class. Hits and misses tell whether the time to live is too short, evictions by size whether memory is.

use ::metrics::{Counter, counter};

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
