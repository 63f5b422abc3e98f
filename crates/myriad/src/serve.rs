//! `myriad serve`: the five services in one process, on embedded engines, behind the same generated clients.

mod banner;
mod directory;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use cache::Cache;
use clap::Args;
use engines::Credentials;
use objects::Objects;
use password::{Attempts, Hasher};
use queue::InProcess;
use runtime::process::{self, Process};
use store_sqlite::Options;
use token::Keys;
use tokio::net::TcpListener;
use tonic::service::Routes;
use topology::{Opener, Shards, SnapshotFile, UserIds, Watch, ids};

use crate::config::Config;

/// Jobs between the outbox and the worker, at most.
const QUEUE: usize = 64;

/// Arguments of `myriad serve`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Everything that lasts: databases, pictures, keys. Made if it is not there [default: myriad-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The public port [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// The operators' port: health, metrics, operators' calls [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR")]
    ops: Option<SocketAddr>,
    /// Open the services to grpcurl.
    #[arg(long, value_name = "ADDR")]
    grpc: Option<SocketAddr>,
    /// Shards to begin with; later starts may repeat the number, never change it [default: 1].
    #[arg(long, value_name = "N")]
    shards: Option<u32>,
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, such as `--set user.limits.pictures=10`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = process::pair)]
    overrides: Vec<(String, String)>,
    /// Print the configuration in force, without secrets, and end.
    #[arg(long)]
    print_config: bool,
}

impl Arguments {
    /// All flags as settings; the plain ones win over `--set`.
    fn settings(&self) -> Vec<(String, String)> {
        let plain = [
            ("data_dir", self.data_dir.as_ref().map(|path| path.display().to_string())),
            ("gateway.http", self.http.map(|address| address.to_string())),
            ("ops", self.ops.map(|address| address.to_string())),
            ("grpc", self.grpc.map(|address| address.to_string())),
            ("router.shards", self.shards.map(|shards| shards.to_string())),
        ];
        let given = plain.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        self.overrides.iter().cloned().chain(given).collect()
    }
}

/// Runs the server until it is told to end.
pub fn run(arguments: &Arguments) -> ExitCode {
    process::configured("serve", arguments.config.as_deref(), &arguments.settings(), arguments.print_config, build)
}

async fn build(config: Config, process: Process) -> Result<()> {
    let Process { shutdown, ready, metrics } = process;
    let data_dir = &config.data_dir;
    let lock = directory::open(data_dir)?;
    shutdown.spawn_base(lock.hold());
    let (http, ops) = (bind("gateway.http", &config.gateway.http).await?, bind("ops", &config.ops.to_string()).await?);
    let keys = Keys::load_or_create(&data_dir.join("token.keys"))?;

    let opener = opener(data_dir, &config.router.engines);
    let catalog = engines::catalog(data_dir, config.router.catalog.as_deref(), &config.router.engines).await?;
    let router = shard_router::App::build_embedded(&config.router, catalog, &opener, Credentials::of(data_dir)).await?;
    let topology = runtime::grpc::embedded(router.routes(), &shutdown);
    let watch = Watch::start(topology.clone(), SnapshotFile::at(data_dir.join("topology.json")), &shutdown).await?;
    let shards = Shards::open(watch, opener, &shutdown).await?;

    let cache = Cache::in_process(config.cache);
    let hasher = Hasher::new(config.password.clone()).context("the password threads cannot be started")?;
    let objects = Objects::local(&data_dir.join("objects"))?;
    let attempts = Attempts::new(config.session.wrong_passwords);
    let (jobs, consumer) = InProcess::new(QUEUE);
    let entries = config.user.feed.entries as usize;
    let users = user_service::App::build(
        config.user,
        user_service::Collaborators {
            shards: shards.clone(),
            ids: UserIds::new(topology, ids::BLOCK, &shutdown),
            cache: cache.clone(),
            feed: Arc::new(feed::InProcess::new(entries)),
            objects: objects.clone(),
            queue: Arc::new(jobs),
            hasher: hasher.clone(),
            attempts: attempts.clone(),
        },
        &shutdown,
    )?;
    let sessions = session_service::App::build(
        config.session,
        session_service::Collaborators {
            shards,
            keys: keys.clone(),
            hasher,
            attempts,
            cache,
            clock: Arc::new(model::time::now_ms),
        },
    )?;

    let both = merged(users.routes(), sessions.routes());
    if let Some(address) = config.grpc {
        let listener = bind("grpc", &address.to_string()).await?;
        let names = user_service::SERVICES.iter().chain(&[session_service::SERVICE, shard_router::SERVICE]);
        let names: Vec<&'static str> = names.copied().collect();
        let open = runtime::grpc::routes(merged(both.clone(), router.routes()), &names, &ready, &shutdown)?;
        runtime::grpc::serve(open, listener, &config.service_key, &shutdown)?;
    }
    let services = runtime::grpc::embedded(both, &shutdown);
    let worker = image_worker::App::build(
        &config.worker,
        image_worker::Collaborators {
            images: services.clone(),
            objects: objects.clone(),
            consumer: Box::new(consumer),
        },
    )?;
    let deps = gateway::Deps { users: services.clone(), sessions: services, objects, keys, ready: ready.clone() };
    let addresses = banner::Addresses { http: http.local_addr()?, ops: ops.local_addr()?, grpc: config.grpc };
    let gateway = gateway::App::build(config.gateway, deps, http, &shutdown)?;

    let calls = merged(users.operator_routes(), merged(router.routes(), router.operator_routes()));
    let names = [user_service::OPERATOR_SERVICE, shard_router::SERVICE, shard_router::GROWTH_SERVICE];
    let calls = runtime::grpc::routes(calls, &names, &ready, &shutdown)?;
    let operators = runtime::ops::router(ready, metrics, shutdown.clone()).merge(calls.into_axum_router());
    runtime::ops::serve(ops, operators, &shutdown);
    router.run(&shutdown);
    users.run(&shutdown);
    sessions.run(&shutdown);
    worker.run(&shutdown);
    gateway.run(&shutdown);
    banner::print(&addresses, &config.data_dir);
    Ok(())
}

fn merged(one: Routes, other: Routes) -> Routes {
    // A router of gRPC services answers unknown ones with UNIMPLEMENTED; two such answers cannot be merged, so one is taken off.
    Routes::from(one.into_axum_router().reset_fallback().merge(other.into_axum_router().reset_fallback()))
}

async fn bind(key: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{key}: cannot listen on {address}; end who listens there, or choose another address with --{key}")
    })
}

/// Opens shards. In a debug build the durability drill's twin may ask for an engine that acknowledges too early.
fn opener(data_dir: &std::path::Path, settings: &engines::Settings) -> Opener {
    #[cfg(debug_assertions)]
    let tune = |options: &mut Options| {
        options.acknowledge_before_commit = runtime::faults::sabotaged("acknowledge-before-commit");
    };
    #[cfg(not(debug_assertions))]
    let tune = |_: &mut Options| {};
    engines::opener_tuned(data_dir, settings, tune)
}
