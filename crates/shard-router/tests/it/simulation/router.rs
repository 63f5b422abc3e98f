//! Routers of the simulation: the whole real one, on connections of its own, that can be killed, and stopped and let go on.

use std::sync::Arc;
use std::time::Duration;

use api::growth::v1::growth_service_client::GrowthServiceClient;
use runtime::grpc::Client;
use runtime::shutdown::Shutdown;
use shard_router::{App, Catalog, Config, MoveSettings, Result};
use topology::{Opener, Topology};

use super::process::Process;
use super::world::World;

/// Shorter than what a router is stopped for, now and then.
const LEASE_MS: i64 = 1_500;
const GRACE_MS: i64 = 1_200;

pub struct Router {
    pub process: Arc<Process>,
    app: App,
    operators: Client,
    shutdown: Shutdown,
}

impl Router {
    /// Starts one that does moves.
    pub async fn start(world: &World, name: String) -> Result<Self> {
        let process = Arc::new(Process::new(name));
        let moves = MoveSettings {
            batch: 4,
            parallel: 2,
            page_rows: 16,
            nice_ratio: 0.5,
            max_pause_ms: 1_000,
            grace_ms: GRACE_MS,
            lease_ms: LEASE_MS,
        };
        let config = Config { shards: Some(2), catch_up_ms: 100, moves, ..Config::default() };
        let catalog = world.connect("catalog", &process);
        let app = App::build(&config, catalog, &opener(world, &process)).await?;
        let shutdown = Shutdown::new();
        app.run(&shutdown);
        let operators = runtime::grpc::embedded(app.operator_routes(), &shutdown);
        Ok(Self { process, app, operators, shutdown })
    }

    pub fn operators(&self) -> GrowthServiceClient<Client> {
        GrowthServiceClient::new(self.operators.clone())
    }

    pub fn catalog(&self) -> &Catalog {
        self.app.catalog()
    }

    pub fn topology(&self) -> Arc<Topology> {
        self.app.catalog().current()
    }

    /// Ends at once: what it had sent is done, nothing else is.
    pub fn kill(self) {
        self.process.kill();
        self.shutdown.hard.cancel();
        self.shutdown.soft.cancel();
    }

    /// Ends in order, or at once where that takes too long.
    pub async fn end(self) {
        self.shutdown.soft.cancel();
        self.shutdown.finish(Duration::from_secs(2)).await;
        self.process.kill();
    }
}

/// Opens the simulated databases for a process.
pub fn opener(world: &World, process: &Arc<Process>) -> Opener {
    let (world, process) = (world.clone(), Arc::clone(process));
    Opener::new(move |info| {
        let opened: topology::Opened = Ok(world.connect(&info.location, &process));
        std::future::ready(opened)
    })
}
