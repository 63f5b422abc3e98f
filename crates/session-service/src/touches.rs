//! Noting when sessions were last used: at most once a minute a session, written together, never in a request's way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use model::session::Session;
use model::{SessionId, UserId};
use tokio_util::sync::CancellationToken;

use crate::domain::lifetime::Lifetime;
use crate::metrics::Metrics;
use crate::store::{Store, Touch};

/// Sessions remembered at once. Beyond, a use is not noted now but with a later request.
const REMEMBERED: usize = 50_000;
/// Buckets written to at once.
const AT_ONCE: usize = 8;

/// Uses noted in the last minute, written or yet to be written.
pub(crate) struct Touches {
    every_ms: i64,
    noted: Mutex<HashMap<(UserId, SessionId), Noted>>,
}

struct Noted {
    seen_at_ms: i64,
    expires_at_ms: i64,
    written: bool,
}

impl Touches {
    pub(crate) fn new(every_ms: i64) -> Self {
        Self { every_ms, noted: Mutex::default() }
    }

    /// Notes a use, unless one was noted less than a minute ago.
    pub(crate) fn note(&self, session: &Session, lifetime: Lifetime, now_ms: i64) {
        if now_ms - session.last_seen_at_ms < self.every_ms {
            return;
        }
        let mut noted = self.lock();
        // The copy that the request was decided by may be older than what is noted here.
        let recent =
            noted.get(&(session.user_id, session.id)).is_some_and(|last| now_ms - last.seen_at_ms < self.every_ms);
        if recent || noted.len() >= REMEMBERED {
            return;
        }
        let expires_at_ms = lifetime.expires_at_ms(session.created_at_ms, now_ms);
        noted.insert((session.user_id, session.id), Noted { seen_at_ms: now_ms, expires_at_ms, written: false });
    }

    /// What is to be written; forgets what was written a minute before `now_ms`.
    fn take(&self, now_ms: i64) -> Vec<Touch> {
        let mut noted = self.lock();
        noted.retain(|_, last| !last.written || now_ms - last.seen_at_ms < self.every_ms);
        let due = noted.iter_mut().filter(|(_, last)| !last.written);
        due.map(|(&(user, id), last)| {
            last.written = true;
            Touch { user, id, seen_at_ms: last.seen_at_ms, expires_at_ms: last.expires_at_ms }
        })
        .collect()
    }

    /// Writes what was noted, a transaction a bucket. What a shard refuses is lost: a later use is noted again.
    pub(crate) async fn flush(&self, store: &Store, metrics: &Metrics, now_ms: i64) {
        let due = store.by_bucket(self.take(now_ms), |touch| touch.user);
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |(bucket, touches)| match store.touch(bucket, touches).await {
                Ok(touched) => metrics.touched.increment(touched),
                Err(error) => tracing::warn!(%error, bucket = bucket.0, "uses of sessions were not noted"),
            })
            .await;
    }

    // A panic while the lock was held cannot leave an entry half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<(UserId, SessionId), Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Flushes every so often, and once more at the end.
pub(crate) async fn run(
    touches: Arc<Touches>,
    store: Store,
    metrics: Metrics,
    clock: crate::Clock,
    every: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        touches.flush(&store, &metrics, clock()).await;
    }
    touches.flush(&store, &metrics, clock()).await;
}
