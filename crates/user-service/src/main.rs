//! `user-service` as a process of its own.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use cache::Cache;
use objects::Objects;
use password::Hasher;
use queue::InProcess;
use runtime::process::Process;
use tokio::net::TcpListener;
use topology::{Shards, SnapshotFile, UserIds, Watch, ids};
use user_service::{App, Collaborators, Config, SERVICES};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::process::main("user-service", run)
}

async fn run(config: Config, process: Process) -> Result<()> {
    let (gate, shutdown) = (process.ready.gate("shards"), &process.shutdown);
    let ops = TcpListener::bind(config.ops).await.with_context(|| format!("ops: {} cannot be bound", config.ops))?;
    let grpc = TcpListener::bind(config.grpc).await.with_context(|| format!("grpc: {} cannot be bound", config.grpc))?;
    let router = runtime::grpc::connect(&config.router)?;
    let snapshot = SnapshotFile::at(config.data_dir.join("topology.json"));
    let watch = Watch::start(router.clone(), snapshot, shutdown).await?;
    // Jobs of this queue never leave the process: they wait in the outbox until a worker runs beside it.
    let (queue, _no_worker) = InProcess::new(1);
    let with = Collaborators {
        shards: Shards::open(watch, engines::opener(&config.data_dir), shutdown).await?,
        ids: UserIds::new(router, ids::BLOCK, shutdown),
        cache: Cache::in_process(config.cache),
        objects: Objects::local(&config.data_dir.join("objects"))?,
        queue: Arc::new(queue),
        hasher: Hasher::new(config.password.clone())?,
    };
    let app = App::build(config, with, shutdown)?;
    let health = runtime::ops::router(process.ready.clone(), process.metrics.clone(), shutdown.clone());
    runtime::ops::serve(ops, health.merge(app.operator_routes().into_axum_router()), shutdown);
    runtime::grpc::serve(runtime::grpc::routes(app.routes(), &SERVICES, &process.ready, shutdown)?, grpc, shutdown);
    app.run(shutdown);
    gate.open();
    Ok(())
}
