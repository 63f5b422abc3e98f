//! The collaborators of a process of its own; in one process `myriad` hands its own over.

use std::sync::Arc;

use anyhow::Result;
use cache::Cache;
use objects::Objects;
use password::{Attempts, Hasher};
use queue::InProcess;
use runtime::shutdown::Shutdown;
use topology::{Shards, SnapshotFile, UserIds, Watch, ids};

use crate::{app::Collaborators, config::Config};

/// Opens the shards and everything else by the settings.
///
/// # Errors
/// Says what cannot be opened and what to do.
pub async fn collaborators(config: &Config, shutdown: &Shutdown) -> Result<Collaborators> {
    let router = runtime::grpc::connect(&config.router)?.identified("user-service", &config.service_key);
    let snapshot = SnapshotFile::at(config.data_dir.join("topology.json"));
    let watch = Watch::start(router.clone(), snapshot, shutdown).await?;
    Ok(Collaborators {
        shards: Shards::open(watch, engines::opener(&config.data_dir, &engines::Settings::default()), shutdown).await?,
        ids: UserIds::new(router, ids::BLOCK, shutdown),
        cache: Cache::in_process(config.cache),
        objects: Objects::local(&config.data_dir.join("objects"))?,
        queue: Arc::new(queue_without_workers(shutdown)),
        hasher: Hasher::new(config.password.clone())?,
        attempts: Attempts::new(config.limits.wrong_passwords),
    })
}

/// Jobs of the in-process queue never leave the process: they wait in the outbox until a worker runs beside it.
fn queue_without_workers(shutdown: &Shutdown) -> InProcess {
    let (queue, consumer) = InProcess::new(1);
    let (soft, closing) = (shutdown.soft.clone(), queue.clone());
    shutdown.spawn(async move {
        soft.cancelled().await;
        closing.close();
        drop(consumer);
    });
    queue
}
