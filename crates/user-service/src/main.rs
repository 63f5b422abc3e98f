//! `user-service` as a process of its own.

use std::process::ExitCode;

use anyhow::{Context, Result};
use runtime::process::Process;
use tokio::net::TcpListener;
use user_service::{App, Config, SERVICES, standalone};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::process::main("user-service", run)
}

async fn run(config: Config, process: Process) -> Result<()> {
    let (gate, shutdown) = (process.ready.gate("shards"), &process.shutdown);
    let ops = TcpListener::bind(config.ops).await.with_context(|| format!("ops: {} cannot be bound", config.ops))?;
    let grpc =
        TcpListener::bind(config.grpc).await.with_context(|| format!("grpc: {} cannot be bound", config.grpc))?;
    let key = config.service_key.clone();
    let (operators, ops_address) = (runtime::ops::Later::default(), ops.local_addr()?);
    let health = runtime::ops::router(process.ready.clone(), process.metrics.clone(), shutdown.clone());
    runtime::ops::serve(ops, health.merge(operators.routes()), shutdown);
    let with = standalone::collaborators(&config, &gate, shutdown).await?;
    let app = App::build(config, with, shutdown)?;
    operators.set(runtime::grpc::guarded(app.operator_routes(), &key, ops_address)?.into_axum_router());
    let routes = runtime::grpc::routes(app.routes(), &SERVICES, &process.ready, shutdown)?;
    runtime::grpc::serve(routes, grpc, &key, shutdown)?;
    app.run(shutdown);
    gate.open();
    Ok(())
}
