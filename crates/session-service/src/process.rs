//! session-service as a process of its own: its collaborators opened from the configuration, its ports served.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use password::{Attempts, Hasher};
use runtime::process::Process;
use secrecy::ExposeSecret as _;
use token::Keys;
use tokio::net::TcpListener;
use topology::{Shards, SnapshotFile, Watch};

use crate::{App, Collaborators, Config, SERVICE};

/// Starts everything and returns once it runs.
///
/// # Errors
/// Says which collaborator cannot be had and what to do.
pub async fn run(config: Config, process: Process) -> Result<()> {
    let Process { shutdown, ready, metrics } = process;
    let gate = ready.gate("sessions");
    let ops = TcpListener::bind(config.ops).await.with_context(|| format!("ops: {} cannot be bound", config.ops))?;
    runtime::ops::serve(ops, runtime::ops::router(ready.clone(), metrics, shutdown.clone()), &shutdown);

    let keys = match &config.token_keys {
        Some(text) => text.expose_secret().parse::<Keys>().context("token_keys cannot be used")?,
        None => Keys::load_or_create(&config.token_keys_file.unwrap_or_else(|| config.data_dir.join("token.keys")))?,
    };
    let shard_router = runtime::grpc::connect(&config.router).context("router cannot be used")?;
    let shard_router = shard_router.identified("session-service", &config.service_key);
    gate.close("waiting: the first topology from shard-router");
    let watch = Watch::start(shard_router, SnapshotFile::at(config.data_dir.join("topology.json")), &shutdown).await?;
    let opener = engines::opener(&config.data_dir, &config.engines);
    let open = async || Shards::open(watch.clone(), opener.clone(), &shutdown).await;
    let shards = gate.wait(topology::Error::may_heal, open).await?;
    let cache_redis::Opened { cache, tally, upkeep, .. } = cache_redis::open(&config.cache)?;
    shutdown.spawn_base(upkeep);
    let collaborators = Collaborators {
        shards,
        keys,
        hasher: Hasher::new(config.password).context("the password threads cannot be started")?,
        attempts: Attempts::counting(config.sessions.wrong_passwords, tally),
        cache,
        clock: Arc::new(model::time::now_ms),
    };
    let app = App::build(config.sessions, collaborators)?;
    app.run(&shutdown);

    let grpc =
        TcpListener::bind(config.grpc).await.with_context(|| format!("grpc: {} cannot be bound", config.grpc))?;
    let routes = runtime::grpc::routes(app.routes(), &[SERVICE], &ready, &shutdown)?;
    runtime::grpc::serve(routes, grpc, &config.service_key, &shutdown)?;
    gate.open();
    Ok(())
}
