//! The cache in Redis, on a real one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod faults;
mod feed;
mod processes;
mod scripts;
mod start;
mod tally;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{Cache, Class, InProcess, Policy, Tiered, policy};
use cache_redis::{Redis, RedisSettings};
use tempfile::TempDir;
use testkit::engines;

/// A Redis of one test and its directory.
struct Server {
    redis: engines::Redis,
    _directory: TempDir,
}

async fn server() -> Server {
    let directory = tempfile::tempdir().unwrap();
    let redis = engines::Redis::start(directory.path()).await.unwrap();
    Server { redis, _directory: directory }
}

impl Server {
    /// Settings with a budget that a busy machine keeps.
    fn patient(&self) -> RedisSettings {
        RedisSettings { url: self.redis.url().into(), budget_ms: 10_000, ..RedisSettings::default() }
    }

    /// Settings as they are by default.
    fn settings(&self) -> RedisSettings {
        RedisSettings { url: self.redis.url().into(), ..RedisSettings::default() }
    }
}

/// What one process has of the cache. Its upkeep runs only where a test runs it.
struct Process {
    redis: Redis,
    tiered: Arc<Tiered>,
    cache: Cache,
    users: Class<Bytes>,
}

/// A process whose near tier forgets by itself after a time only.
fn process(settings: &RedisSettings, near_ttl: Duration) -> Process {
    let redis = Redis::new(settings).unwrap();
    let near = InProcess::new(cache::Settings::default());
    let tiered = Arc::new(Tiered::new(near, Arc::new(redis.clone()), near_ttl));
    let cache = Cache::tiered(Arc::clone(&tiered));
    let users = cache.class(Policy { ..policy::USER });
    Process { redis, tiered, cache, users }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Waits until it holds and says how long that took.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) -> Duration {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came to be: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}
