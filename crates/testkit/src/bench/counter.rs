//! Counters of `/metrics`.

use crate::Api;

/// The sum of all counters whose line begins with `start`; 0 where nothing was counted yet.
///
/// # Panics
/// Where no answer comes.
pub async fn counter(ops: &Api, start: &str) -> f64 {
    let text = ops.get("/metrics").send().await.text();
    let lines = text.lines().filter(|line| line.starts_with(start));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
