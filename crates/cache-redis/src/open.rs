//! A process's cache by its settings, and the upkeep to run beside it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache::{Cache, InProcess, Tiered};
use password::Tally;

use crate::follow::follow;
use crate::memory;
use crate::settings::{Settings, Unusable};
use crate::{Redis, RedisSettings, RedisTally};

/// What has to run beside a cache: it says at start whether Redis can be used, hears other processes, and repeats what Redis missed.
/// With Redis it never ends by itself; drop it last, after those who use the cache have ended. Without, it ends at once.
pub type Upkeep = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// What [`open`] gives a process.
pub struct Opened {
    /// The cache.
    pub cache: Cache,
    /// The count of wrong passwords that all processes share; none without Redis.
    pub tally: Option<Arc<dyn Tally>>,
    /// The Redis itself, for what else lives there; none without.
    pub redis: Option<Redis>,
    /// What has to run beside both.
    pub upkeep: Upkeep,
}

/// The cache and the shared count that the settings describe. Connects to nothing yet: without Redis a process starts and answers, slower.
///
/// # Errors
/// Names the setting that cannot be used, and the fix.
pub fn open(settings: &Settings) -> Result<Opened, Unusable> {
    settings.validate()?;
    let near = cache::Settings { capacity_bytes: settings.capacity_bytes };
    match &settings.redis {
        None => {
            let upkeep = Box::pin(std::future::ready(()));
            Ok(Opened { cache: Cache::in_process(near), tally: None, redis: None, upkeep })
        }
        Some(redis) => tiered(near, Duration::from_millis(settings.near_ttl_ms), redis),
    }
}

fn tiered(near: cache::Settings, near_ttl: Duration, settings: &RedisSettings) -> Result<Opened, Unusable> {
    let redis = Redis::new(settings)?;
    let tiered = Arc::new(Tiered::new(InProcess::new(near), Arc::new(redis.clone()), near_ttl));
    let cache = Cache::tiered(Arc::clone(&tiered));
    let (tally, verdicts) = RedisTally::new(redis.clone());
    let shared = redis.clone();
    let upkeep = async move {
        futures::join!(redis.upkeep(&tiered), verdicts);
    };
    Ok(Opened { cache, tally: Some(Arc::new(tally)), redis: Some(shared), upkeep: Box::pin(upkeep) })
}

impl Redis {
    /// What has to run beside a near tier over this engine; never ends. [`open`] puts it together.
    pub async fn upkeep(&self, tiered: &Tiered) {
        if let Err(error) = self.ping().await {
            tracing::warn!(%error, "the process starts without it and answers, slower");
        }
        futures::join!(follow(self, tiered), tiered.repeat(), memory::watch(self));
    }
}
