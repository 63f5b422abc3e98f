//! Waiting for a condition instead of for a time.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Asks again and again until the answer is there.
///
/// # Panics
/// After `limit`.
pub async fn eventually<T, F, A>(what: &str, limit: Duration, mut ask: A) -> T
where
    A: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < limit, "did not happen within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
