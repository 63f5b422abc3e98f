//! `shard-router` as a process of its own.

use std::process::ExitCode;

use anyhow::{Context, Result};
use runtime::process::Process;
use shard_router::{App, Config, Error, SERVICE};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::process::main("shard-router", run)
}

async fn run(config: Config, process: Process) -> Result<()> {
    let gate = process.ready.gate("catalog");
    let ops = TcpListener::bind(config.ops).await.with_context(|| format!("ops: {} cannot be bound", config.ops))?;
    let health = runtime::ops::router(process.ready.clone(), process.metrics, process.shutdown.clone());
    let (operators, ops_address) = (runtime::ops::Later::default(), ops.local_addr()?);
    runtime::ops::serve(ops, health.merge(operators.routes()), &process.shutdown);

    // Databases may come up later than this process: it says what it waits for.
    let open = async || engines::catalog(&config.data_dir, config.catalog.as_deref(), &config.engines).await;
    let catalog = gate.wait(store::Error::may_heal, open).await?;
    let opener = engines::opener(&config.data_dir, &config.engines);
    let app = gate.wait(Error::may_heal, async || App::build(&config, catalog.clone(), &opener).await).await?;
    let calls = runtime::grpc::guarded(app.operator_routes(), &config.service_key, ops_address)?;
    operators.set(calls.into_axum_router());
    app.run(&process.shutdown);

    let grpc =
        TcpListener::bind(config.grpc).await.with_context(|| format!("grpc: {} cannot be bound", config.grpc))?;
    let routes = runtime::grpc::routes(app.routes(), &[SERVICE], &process.ready, &process.shutdown)?;
    runtime::grpc::serve(routes, grpc, &config.service_key, &process.shutdown)?;
    gate.open();
    Ok(())
}
