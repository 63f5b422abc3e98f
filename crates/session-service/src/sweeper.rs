//! Removes sessions that are over. They count for nothing the moment they expire; this only frees their rows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) async fn run(store: Store, metrics: Metrics, clock: crate::Clock, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick is at once; a process that has just started has better things to do.
    ticks.reset();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match stop.run_until_cancelled(store.purge(clock())).await {
            Some(Ok(removed)) => {
                metrics.swept.increment(u64::try_from(removed).unwrap_or(u64::MAX));
                if removed > 0 {
                    tracing::info!(sessions = removed, "expired sessions removed");
                }
            }
            Some(Err(error)) => tracing::warn!(%error, "expired sessions could not be removed, trying again later"),
            None => return,
        }
    }
}
