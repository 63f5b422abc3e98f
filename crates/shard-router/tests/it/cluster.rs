//! A cluster in a temporary directory, whose router can be stopped and started.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::growth::v1::growth_service_client::GrowthServiceClient;
use api::topology::v1::topology_service_client::TopologyServiceClient;
use runtime::ready::Readiness;
use runtime::shutdown::Shutdown;
use shard_router::{App, Catalog, Config, GROWTH_SERVICE, MoveSettings, Result, SERVICE};
use store::Engine;
use tempfile::TempDir;
use testkit::engines::{Postgres, ShardEngine};
use topology::Opener;

/// The directory, and perhaps the PostgreSQL databases, that outlive their routers.
pub struct Cluster {
    pub folder: TempDir,
    /// How buckets move.
    pub moves: MoveSettings,
    /// Connections to each PostgreSQL database, writing and reading; the test kit's few where it is not set.
    pub connections: Option<u32>,
    databases: Option<Databases>,
}

/// Where catalog and shards are, on PostgreSQL servers.
#[derive(Clone)]
pub struct Databases {
    pub catalog: String,
    pub shards: Vec<String>,
}

/// Shards that a cluster on PostgreSQL may begin with here.
const MOST: usize = 4;

/// A running router.
pub struct Node {
    pub channel: runtime::grpc::Client,
    operators: runtime::grpc::Client,
    pub opener: Opener,
    app: App,
    catalog: Arc<dyn Engine>,
    shutdown: Shutdown,
}

impl Cluster {
    pub fn new() -> Self {
        // Debug builds beside other tests: the pause is measured elsewhere.
        let moves =
            MoveSettings { batch: 64, grace_ms: 0, lease_ms: 2000, max_pause_ms: 1900, ..MoveSettings::default() };
        Self { folder: tempfile::tempdir().unwrap(), moves, connections: None, databases: None }
    }

    /// One whose catalog and shards are of an engine.
    pub async fn on(engine: ShardEngine) -> Self {
        match engine {
            ShardEngine::Sqlite => Self::new(),
            ShardEngine::Postgres => Self::on_postgres().await,
        }
    }

    /// One whose catalog and shards are databases of a PostgreSQL server.
    pub async fn on_postgres() -> Self {
        let server = Postgres::shared().await.unwrap();
        let mut shards = Vec::new();
        for _ in 0..MOST {
            shards.push(server.url(&server.fresh_database().await.unwrap()));
        }
        let catalog = server.url(&server.fresh_database().await.unwrap());
        Self::on_databases(Databases { catalog, shards })
    }

    /// One on these databases.
    pub fn on_databases(databases: Databases) -> Self {
        Self { databases: Some(databases), ..Self::new() }
    }

    /// The settings of a router; the first start says how many shards there are to be.
    fn config(&self, shards: Option<u32>) -> Config {
        let (data_dir, moves) = (self.path().to_owned(), self.moves.clone());
        let config = Config { data_dir, shards, catch_up_ms: 20, moves, ..Config::default() };
        let mut postgres: engines::PostgresSettings = serde_json::from_value(Postgres::client_settings()).unwrap();
        if let Some(connections) = self.connections {
            (postgres.pool, postgres.readers) = (connections, connections);
        }
        let config = Config { engines: engines::Settings { postgres, ..engines::Settings::default() }, ..config };
        let Some(databases) = &self.databases else { return config };
        let count = shards.unwrap_or(1) as usize;
        Config {
            catalog: Some(databases.catalog.clone()),
            // Four are refused where there are two by their number, whatever they are.
            shard_locations: databases.shards[..count].to_vec(),
            ..config
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the router; `shards` is the setting.
    pub async fn start(&self, shards: Option<u32>) -> Result<Node> {
        let config = self.config(shards);
        let opener = engines::opener(self.path(), &config.engines);
        let catalog = engines::catalog(self.path(), config.catalog.as_deref(), &config.engines).await?;
        let app = App::build(&config, Arc::clone(&catalog), &opener).await?;
        let shutdown = Shutdown::new();
        app.run(&shutdown);
        let routes = runtime::grpc::routes(app.routes(), &[SERVICE], &Readiness::new(), &shutdown).unwrap();
        let channel = runtime::grpc::embedded(routes, &shutdown);
        let names = [GROWTH_SERVICE];
        let operators = runtime::grpc::routes(app.operator_routes(), &names, &Readiness::new(), &shutdown).unwrap();
        let operators = runtime::grpc::embedded(operators, &shutdown);
        Ok(Node { channel, operators, opener, app, catalog, shutdown })
    }

    /// The same as [`Cluster::start`], where it must be refused: with which words.
    pub async fn refused(&self, shards: Option<u32>) -> String {
        match self.start(shards).await {
            Ok(_) => panic!("the start was not refused"),
            Err(error) => error.to_string(),
        }
    }

    /// Removes a file of the data directory with what SQLite keeps beside it.
    pub fn remove(&self, file: &str) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.path().join(format!("{file}{suffix}")));
        }
    }
}

impl Node {
    pub fn client(&self) -> TopologyServiceClient<runtime::grpc::Client> {
        TopologyServiceClient::new(self.channel.clone())
    }

    /// The operators' calls.
    pub fn growth(&self) -> GrowthServiceClient<runtime::grpc::Client> {
        GrowthServiceClient::new(self.operators.clone())
    }

    pub fn catalog(&self) -> &Catalog {
        self.app.catalog()
    }

    /// The catalog's database, for looking and for sabotage.
    pub fn database(&self) -> &dyn Engine {
        &*self.catalog
    }

    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Ends at once, as a killed process does: what its databases were told is done, nothing else is.
    pub async fn kill(self) {
        self.shutdown.hard.cancel();
        self.shutdown.soft.cancel();
        let _ = self.shutdown.finish(Duration::from_millis(1)).await;
    }

    /// Ends in order; true if everything ended by itself.
    pub async fn stop(self) -> bool {
        let soft = self.shutdown.soft.clone();
        soft.cancel();
        let ended = self.shutdown.finish(Duration::from_secs(2)).await;
        self.catalog.close().await;
        ended
    }
}

/// Runs one statement on a database.
pub async fn execute(engine: &dyn Engine, sql: &'static str) {
    store::transact(engine, move |tx| Box::pin(async move { tx.execute(sql, &[]).await })).await.unwrap();
}

/// Runs statements that define something, or set it, in one transaction.
pub async fn define(engine: &dyn Engine, sql: &'static str) {
    store::transact(engine, move |tx| tx.define(sql)).await.unwrap();
}

/// Looks until it holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}
