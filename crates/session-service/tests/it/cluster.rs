//! Shards, a router that names them, and as many session-services on top as a test wants.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use api::session::v1::session_service_client::SessionServiceClient;
use api::session::v1::{
    EndAllSessionsRequest, EndSessionRequest, ListSessionsRequest, Session, SignInRequest, SignInResponse,
    ValidateSessionRequest, ValidateSessionResponse,
};
use api::status::from_status;
use api::topology::v1 as router;
use api::topology::v1::topology_service_server::{TopologyService, TopologyServiceServer};
use api::user::v1::Idempotency;
use cache::Cache;
use futures::{Stream, StreamExt as _, stream};
use model::profile::{Role, User};
use model::{Bucket, EmailAddress, Epoch, ShardId, UserId};
use password::{Attempts, Hasher};
use runtime::shutdown::Shutdown;
use session_service::{App, Collaborators, Settings};
use store::Shard;
use store::tables::{credentials, email_claims, users};
use tempfile::TempDir;
use testkit::engines::{Postgres, ShardEngine};
use token::Keys;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use topology::{EngineKind, Parts, ShardInfo, Shards, SnapshotFile, Topology, Watch};

pub const NOON: i64 = 1_769_860_800_000;

pub struct Cluster {
    pub directory: TempDir,
    pub shards: Shards,
    pub keys: Keys,
    pub now_ms: Arc<AtomicI64>,
    shutdown: Shutdown,
}

/// One session-service. The hasher and the clock are at hand, so that tests can count and wait.
#[derive(Clone)]
pub struct Node {
    client: SessionServiceClient<runtime::grpc::Client>,
    pub hasher: Hasher,
}

impl Cluster {
    pub async fn start(engine: ShardEngine, shards: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shutdown = Shutdown::new();
        let topology = topology(engine, shards).await;
        let opener = engines::opener(
            directory.path(),
            &engines::Settings {
                postgres: serde_json::from_value(Postgres::client_settings()).unwrap(),
                ..engines::Settings::default()
            },
        );
        let mut open = Vec::new();
        for info in topology.shards() {
            let engine = topology::identity::open(&opener, topology.cluster_id(), info).await.unwrap();
            let shard = Shard::new(info.shard_id(), engine);
            let owned = topology.owned_buckets(info.shard_id());
            shard.adopt(owned.into_iter().map(|own| (own.bucket, own.epoch)).collect()).await.unwrap();
            open.push(shard);
        }
        let routes = Routes::new(TopologyServiceServer::new(Router(topology)));
        let watch = Watch::start(
            runtime::grpc::embedded(routes, &shutdown),
            SnapshotFile::at(directory.path().join("topology.json")),
            &shutdown,
        );
        let shards = Shards::open(watch.await.unwrap(), opener, &shutdown).await.unwrap();
        let now_ms = Arc::new(AtomicI64::new(NOON));
        Self { directory, shards, keys: Keys::ephemeral().unwrap(), now_ms, shutdown }
    }

    pub fn node(&self) -> Node {
        self.node_with(&Settings::default())
    }

    pub fn node_with(&self, settings: &Settings) -> Node {
        let hasher = Hasher::new(password::Settings::default()).unwrap();
        let clock = Arc::clone(&self.now_ms);
        let app = App::build(
            settings.clone(),
            Collaborators {
                shards: self.shards.clone(),
                keys: self.keys.clone(),
                hasher: hasher.clone(),
                attempts: Attempts::new(settings.wrong_passwords),
                cache: Cache::in_process(cache::Settings::default()),
                clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            },
        );
        let app = app.unwrap();
        app.run(&self.shutdown);
        let client = SessionServiceClient::new(runtime::grpc::embedded(app.routes(), &self.shutdown));
        Node { client, hasher }
    }

    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// A user as user-service leaves one behind after a sign-up. Returns the stored hash.
    pub async fn add_user(&self, id: u64, email: &str, password: &str) -> String {
        let hasher = Hasher::new(password::Settings::default()).unwrap();
        let phc = hasher.hash(password.into()).await.unwrap();
        self.add_user_with(id, email, phc.clone()).await;
        phc
    }

    pub async fn add_user_with(&self, id: u64, email: &str, phc: String) {
        let user = user(id);
        let address = EmailAddress::parse(email).unwrap();
        let normal = address.normal().to_owned();
        let claim = self.shards.write(Bucket::of_email(&normal), {
            let normal = normal.clone();
            move |tx| {
                Box::pin(async move {
                    email_claims::reserve(tx, &normal, user, "op", NOON).await?;
                    email_claims::confirm(tx, &normal, "op").await
                })
            }
        });
        assert!(claim.await.unwrap().value);
        let row = users::UserRow {
            state: users::State::Live,
            session_epoch: 1,
            email_normal: normal,
            picture_version: 0,
            user: User {
                id: user,
                version: 1,
                email: email.to_owned(),
                first_name: "John".to_owned(),
                last_name: "Smith".to_owned(),
                address: None,
                phone_numbers: Vec::new(),
                picture: None,
                role: if id == 1 { Role::Admin } else { Role::User },
                created_at_ms: NOON,
                updated_at_ms: NOON,
            },
        };
        let made = self.shards.write(user, move |tx| {
            Box::pin(async move {
                credentials::set(tx, user, &phc, NOON).await?;
                users::insert(tx, &row).await
            })
        });
        assert!(made.await.unwrap().value);
    }

    /// As user-service does it: new hash and higher epoch in one transaction.
    pub async fn change_password(&self, id: u64, phc: String) {
        let user = user(id);
        let changed = self.shards.write(user, move |tx| {
            Box::pin(async move {
                credentials::set(tx, user, &phc, NOON).await?;
                users::raise_session_epoch(tx, user).await
            })
        });
        assert!(changed.await.unwrap().value.is_some());
    }

    pub async fn delete_user(&self, id: u64) {
        let user = user(id);
        let deleted = self.shards.write(user, move |tx| {
            Box::pin(async move {
                let bucket = tx.bucket();
                let present = users::get(tx, bucket, user).await?.unwrap();
                users::delete(tx, &present, NOON).await
            })
        });
        assert!(deleted.await.unwrap().value);
    }

    pub async fn count(&self, sql: &'static str) -> u64 {
        let mut total = 0;
        for shard in self.shards.all() {
            total += shard.engine().query(sql, Vec::new()).await.unwrap()[0].u64(0).unwrap();
        }
        total
    }

    /// Whether any file of the cluster's directory contains these bytes: SQLite's are there.
    pub fn holds_on_disk(&self, wanted: &[u8]) -> bool {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shutdown.soft.cancel();
        self.shutdown.hard.cancel();
    }
}

pub type Answer<T> = Result<T, model::Error>;

impl Node {
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer<SignInResponse> {
        self.sign_in_with(request(email, password)).await
    }

    pub async fn sign_in_with(&self, request: SignInRequest) -> Answer<SignInResponse> {
        self.client.clone().sign_in(request).await.map(Response::into_inner).map_err(|status| from_status(&status))
    }

    /// The whole response, for its metadata.
    pub async fn sign_in_response(&self, email: &str, password: &str) -> Response<SignInResponse> {
        self.client.clone().sign_in(request(email, password)).await.unwrap()
    }

    pub async fn validate(&self, session: &Session) -> Answer<ValidateSessionResponse> {
        let request = ValidateSessionRequest { user_id: session.user_id, session_id: session.id.clone() };
        let answer = self.client.clone().validate_session(request).await;
        answer.map(Response::into_inner).map_err(|status| from_status(&status))
    }

    pub async fn list(&self, user_id: u64) -> Vec<Session> {
        self.client.clone().list_sessions(ListSessionsRequest { user_id }).await.unwrap().into_inner().sessions
    }

    pub async fn end(&self, user_id: u64, session: &Session) -> Answer<()> {
        let request = EndSessionRequest { user_id, session_id: session.id.clone() };
        self.client.clone().end_session(request).await.map(drop).map_err(|status| from_status(&status))
    }

    pub async fn end_all(&self, user_id: u64) -> Answer<()> {
        let answer = self.client.clone().end_all_sessions(EndAllSessionsRequest { user_id }).await;
        answer.map(drop).map_err(|status| from_status(&status))
    }
}

pub fn request(email: &str, password: &str) -> SignInRequest {
    SignInRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        ip: "203.0.113.7".to_owned(),
        user_agent: "test/1.0".to_owned(),
        idempotency: None,
    }
}

/// The same under an Idempotency-Key; `key` and `body` stand for the gateway's prints.
pub fn keyed(email: &str, password: &str, key: u8, body: u8) -> SignInRequest {
    let idempotency = Idempotency { key_hash: vec![key; 32], request_hash: vec![body; 32] };
    SignInRequest { idempotency: Some(idempotency), ..request(email, password) }
}

pub fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

/// Looks until it holds; the only wait in these tests.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn topology(engine: ShardEngine, shards: u32) -> Topology {
    let kind = match engine {
        ShardEngine::Sqlite => EngineKind::Sqlite,
        ShardEngine::Postgres => EngineKind::Postgres,
    };
    let mut infos = Vec::new();
    for id in 0..shards {
        let name = format!("shard-{id}");
        let location = engine.new_location(&name).await.unwrap();
        infos.push(ShardInfo::new(id, name, kind, location));
    }
    let topology = Topology::new(Parts::first("cluster".to_owned(), infos)).unwrap();
    let place = topology.locate(user(13));
    assert_eq!((place.shard, place.epoch), (ShardId(13 % shards), Epoch(1)));
    topology
}

/// A router whose one topology never changes.
struct Router(Topology);

#[tonic::async_trait]
impl TopologyService for Router {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<router::WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(
        &self,
        _: Request<router::GetTopologyRequest>,
    ) -> Result<Response<router::GetTopologyResponse>, Status> {
        Ok(Response::new(router::GetTopologyResponse { topology: Some((&self.0).into()) }))
    }

    async fn watch_topology(
        &self,
        _: Request<router::WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        let now = Ok(router::WatchTopologyResponse { topology: Some((&self.0).into()) });
        Ok(Response::new(stream::iter([now]).chain(stream::pending()).boxed()))
    }

    async fn lease_user_ids(
        &self,
        _: Request<router::LeaseUserIdsRequest>,
    ) -> Result<Response<router::LeaseUserIdsResponse>, Status> {
        Err(Status::unimplemented("no ids are needed here"))
    }
}
