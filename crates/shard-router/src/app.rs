//! The router put together: bootstrap, then the service, then the upkeep of its view of the catalog.

use std::sync::Arc;
use std::time::Duration;

use api::growth::v1::growth_service_server::GrowthServiceServer;
use api::topology::v1::topology_service_server::TopologyServiceServer;
use runtime::shutdown::Shutdown;
use store::Engine;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use topology::Opener;

use crate::bootstrap::bootstrap;
use crate::config::Config;
use crate::error::Result;
use crate::growth::Growth;
use crate::grpc::{GrowthGrpc, TopologyGrpc};
use crate::moving::Mover;
use crate::store::catalog::Catalog;

/// The full name of the gRPC service, for its health.
pub const SERVICE: &str = "myriad.topology.v1.TopologyService";
/// The full name of the operators' gRPC service.
pub const GROWTH_SERVICE: &str = "myriad.growth.v1.GrowthService";

/// A router that is ready to serve.
pub struct App {
    catalog: Catalog,
    mover: Arc<Mover>,
    growth: Growth,
    /// Kept open, so that who opens a shard with the same opener gets the same engine.
    _engines: Vec<Arc<dyn Engine>>,
    catch_up: Duration,
    /// Ends the streams.
    stop: CancellationToken,
}

impl App {
    /// Opens the catalog, begins it where it is new, and checks that every shard is there and is the one meant.
    ///
    /// # Errors
    /// Says which database is the wrong one, or that the number of shards differs, and what to do.
    pub async fn build(config: &Config, catalog: Arc<dyn Engine>, opener: &Opener) -> Result<Self> {
        Self::build_with(config, catalog, opener, None).await
    }

    /// The same where all services are this process: an operator may name a database with the credentials to open it with.
    ///
    /// # Errors
    /// Those of [`App::build`].
    pub async fn build_embedded(
        config: &Config,
        catalog: Arc<dyn Engine>,
        opener: &Opener,
        credentials: engines::Credentials,
    ) -> Result<Self> {
        Self::build_with(config, catalog, opener, Some(credentials)).await
    }

    async fn build_with(
        config: &Config,
        catalog: Arc<dyn Engine>,
        opener: &Opener,
        credentials: Option<engines::Credentials>,
    ) -> Result<Self> {
        let (topology, engines) = bootstrap(&*catalog, config.asked(), &config.locations()?, opener).await?;
        tracing::info!(
            cluster.id = topology.cluster_id(),
            topology.version = topology.version(),
            shards = engines.len(),
            "the catalog is open"
        );
        let catalog = Catalog::new(catalog, topology);
        let mover = Mover::new(catalog.clone(), opener.clone(), config.moves.clone());
        let growth = Growth::new(catalog.clone(), Arc::clone(&mover), credentials);
        Ok(Self {
            catalog,
            mover,
            growth,
            _engines: engines,
            catch_up: Duration::from_millis(config.catch_up_ms),
            stop: CancellationToken::new(),
        })
    }

    /// The gRPC service.
    pub fn routes(&self) -> Routes {
        Routes::new(
            TopologyServiceServer::new(TopologyGrpc::new(self.catalog.clone(), self.stop.clone()))
                .max_decoding_message_size(runtime::grpc::REQUEST_BYTES),
        )
    }

    /// The operators' gRPC service.
    pub fn operator_routes(&self) -> Routes {
        Routes::new(
            GrowthServiceServer::new(GrowthGrpc(self.growth.clone()))
                .max_decoding_message_size(runtime::grpc::REQUEST_BYTES),
        )
    }

    /// The catalog: what operators' calls change.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Starts the background work; it ends with the soft signal, and so do the streams.
    pub fn run(&self, shutdown: &Shutdown) {
        let (soft, stop) = (shutdown.soft.clone(), self.stop.clone());
        shutdown.spawn(async move {
            soft.cancelled().await;
            stop.cancel();
        });
        self.mover.run(shutdown);
        if !self.catch_up.is_zero() {
            shutdown.spawn(catch_up(self.catalog.clone(), self.catch_up, shutdown.soft.clone()));
        }
    }
}

/// Another router may serve the same catalog: its changes are found here and told to our watchers.
async fn catch_up(catalog: Catalog, every: Duration, stop: CancellationToken) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = catalog.catch_up().await {
            tracing::warn!(%error, "the catalog cannot be read; serving the topology at hand");
        }
    }
}
