//! The collaborators of a process of its own; in one process `myriad` hands its own over.

use std::sync::Arc;

use anyhow::Result;
use cache_redis::RedisFeed;
use objects::Objects;
use password::{Attempts, Hasher};
use queue::{InProcess, JobQueue};
use queue_rabbitmq::Publisher;
use runtime::{ready::Gate, shutdown::Shutdown};
use topology::{Shards, SnapshotFile, UserIds, Watch, ids};

use crate::{app::Collaborators, config::Config};

/// Opens the shards and everything else by the settings; while it waits for somebody the gate says for whom.
///
/// # Errors
/// Says what cannot be opened and what to do.
pub async fn collaborators(config: &Config, gate: &Gate, shutdown: &Shutdown) -> Result<Collaborators> {
    let router = runtime::grpc::connect(&config.router)?.identified("user-service", &config.service_key);
    let cache_redis::Opened { cache, tally, redis, upkeep } = cache_redis::open(&config.cache)?;
    shutdown.spawn_base(upkeep);
    let snapshot = SnapshotFile::at(config.data_dir.join("topology.json"));
    gate.close("waiting: the first topology from shard-router");
    let watch = Watch::start(router.clone(), snapshot, shutdown).await?;
    let opener = engines::opener(&config.data_dir, &config.engines);
    let open = async || Shards::open(watch.clone(), opener.clone(), shutdown).await;
    Ok(Collaborators {
        shards: gate.wait(topology::Error::may_heal, open).await?,
        ids: UserIds::new(router, ids::BLOCK, shutdown),
        cache,
        feed: feed(config.feed.entries, redis),
        objects: Objects::open(&config.objects, &config.data_dir.join("objects"))?,
        queue: queue(config, shutdown)?,
        hasher: Hasher::new(config.password.clone())?,
        attempts: Attempts::counting(config.limits.wrong_passwords, tally),
    })
}

/// The feed is where all instances see it. Without Redis each has one of its own, which is right for a single instance only.
fn feed(entries: u32, redis: Option<cache_redis::Redis>) -> Arc<dyn feed::Engine> {
    match redis {
        Some(redis) => Arc::new(RedisFeed::new(redis, entries as usize)),
        None => Arc::new(feed::InProcess::new(entries as usize)),
    }
}

/// Jobs go to the broker. Without one they wait in the outbox until a worker runs beside it: none of the in-process queue leaves the process.
fn queue(config: &Config, shutdown: &Shutdown) -> Result<Arc<dyn JobQueue>> {
    if let Some(settings) = &config.rabbitmq {
        return Ok(Arc::new(Publisher::start(settings, &shutdown.soft, &shutdown.tasks)?));
    }
    let (queue, consumer) = InProcess::new(1);
    let (soft, closing) = (shutdown.soft.clone(), queue.clone());
    shutdown.spawn(async move {
        soft.cancelled().await;
        closing.close();
        drop(consumer);
    });
    Ok(Arc::new(queue))
}
