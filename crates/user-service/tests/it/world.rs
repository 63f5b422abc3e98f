//! The whole service on shards of its own, and the few words the tests speak.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use api::{
    directory::v1::directory_service_client::DirectoryServiceClient,
    feed::v1::feed_service_client::FeedServiceClient,
    image::v1::image_service_client::ImageServiceClient,
    operator::v1::operator_service_client::OperatorServiceClient,
    status::from_status,
    topology::v1::topology_service_server::TopologyServiceServer,
    user::v1::{self as proto, user_service_client::UserServiceClient},
};
use cache::Cache;
use model::{Bucket, Code, Error, UserId};
use objects::Objects;
use password::Hasher;
use runtime::{ready::Readiness, shutdown::Shutdown};
use store::{Query, Shard, tables};
use tempfile::TempDir;
use testkit::engines::{Postgres, ShardEngine};
use tonic::{Response, Status, service::Routes};
use topology::{Opener, Shards, SnapshotFile, Topology, UserIds, Watch};
use user_service::{App, Collaborators, Config, OPERATOR_SERVICE, SERVICES};

use crate::{
    counting::counted,
    halts::Halts,
    queue::TestQueue,
    router::{Router, map},
};

/// An hour from now, when every reservation is overdue.
pub const HOUR_MS: i64 = 3_600_000;
pub const PASSWORD: &str = "correct horse battery staple";

pub struct World {
    pub users: UserServiceClient<runtime::grpc::Client>,
    pub directory: DirectoryServiceClient<runtime::grpc::Client>,
    pub images: ImageServiceClient<runtime::grpc::Client>,
    pub feed: FeedServiceClient<runtime::grpc::Client>,
    pub operator: OperatorServiceClient<runtime::grpc::Client>,
    pub app: App,
    pub shards: Shards,
    pub cache: Cache,
    pub objects: Objects,
    pub queue: Arc<TestQueue>,
    pub halts: Halts,
    pub hasher: Hasher,
    pub shutdown: Shutdown,
    /// Statements that read a shard.
    pub statements: Arc<AtomicU64>,
    _dir: TempDir,
}

fn in_process(entries: usize) -> Arc<dyn feed::Engine> {
    Arc::new(feed::InProcess::new(entries))
}

impl World {
    pub async fn new(engine: ShardEngine, shards: u32) -> Self {
        Self::with(engine, shards, |_| {}).await
    }

    /// With a last word on the settings. Retries are quick, and nothing runs in the background until `run`.
    pub async fn with(engine: ShardEngine, shards: u32, tune: impl FnOnce(&mut Config)) -> Self {
        let topology = map(engine, shards).await;
        Self::build(topology, engines::ReplicaSettings::default(), tune, in_process).await
    }

    /// The same with the feed elsewhere than in this process.
    pub async fn with_feed(
        engine: ShardEngine,
        shards: u32,
        tune: impl FnOnce(&mut Config),
        feed: impl FnOnce(usize) -> Arc<dyn feed::Engine>,
    ) -> Self {
        Self::build(map(engine, shards).await, engines::ReplicaSettings::default(), tune, feed).await
    }

    /// On the shards of a map.
    pub async fn on(topology: Topology, replicas: engines::ReplicaSettings, tune: impl FnOnce(&mut Config)) -> Self {
        Self::build(topology, replicas, tune, in_process).await
    }

    async fn build(
        topology: Topology,
        replicas: engines::ReplicaSettings,
        tune: impl FnOnce(&mut Config),
        feed: impl FnOnce(usize) -> Arc<dyn feed::Engine>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shutdown = Shutdown::new();
        let has_replicas = topology.shards().iter().any(|shard| !shard.replicas.is_empty());
        let catalog = Router { topology: Arc::new(topology), next_id: Arc::new(AtomicU64::new(1)) };
        let postgres = serde_json::from_value(Postgres::client_settings()).unwrap();
        let opener = engines::opener(dir.path(), &engines::Settings { postgres, replicas });
        let statements = Arc::new(AtomicU64::new(0));
        // Who counts opens no replicas.
        let opener = if has_replicas { opener } else { counted(opener, statements.clone()) };
        adopt(&catalog, &opener).await;
        let channel = runtime::grpc::embedded(Routes::new(TopologyServiceServer::new(catalog)).prepare(), &shutdown);
        let watch =
            Watch::start(channel.clone(), SnapshotFile::at(dir.path().join("topology.json")), &shutdown).await.unwrap();
        let shards = Shards::open(watch, opener, &shutdown).await.unwrap();
        let objects = Objects::local(&dir.path().join("objects")).unwrap();
        let (queue, halts) = (Arc::new(TestQueue::default()), Halts::default());
        let hasher =
            Hasher::new(password::Settings { threads: 2, queue: 256, ..password::Settings::default() }).unwrap();
        let cache = Cache::in_process(cache::Settings::default());
        let mut config = Config::default();
        (config.outbox.poll_ms, config.outbox.backoff_base_ms, config.outbox.backoff_max_ms) = (20, 1, 20);
        config.images.watch_poll_ms = 20;
        config.feed.look_ms = 20;
        tune(&mut config);
        let with = Collaborators {
            shards: shards.clone(),
            ids: UserIds::new(channel, 256, &shutdown),
            cache: cache.clone(),
            feed: feed(config.feed.entries as usize),
            objects: objects.clone(),
            queue: queue.clone(),
            hasher: hasher.clone(),
            attempts: password::Attempts::new(password::AttemptSettings::default()),
        };
        let app = App::build_with(config, with, &shutdown, halts.steps()).unwrap();
        let ready = Readiness::new();
        let routes = runtime::grpc::routes(app.routes(), &SERVICES, &ready, &shutdown).unwrap();
        let operators = runtime::grpc::routes(app.operator_routes(), &[OPERATOR_SERVICE], &ready, &shutdown).unwrap();
        let channel = runtime::grpc::embedded(routes, &shutdown);
        Self {
            users: UserServiceClient::new(channel.clone()),
            directory: DirectoryServiceClient::new(channel.clone()),
            images: ImageServiceClient::new(channel.clone()),
            feed: FeedServiceClient::new(channel),
            operator: OperatorServiceClient::new(runtime::grpc::embedded(operators, &shutdown)),
            app,
            shards,
            cache,
            objects,
            queue,
            halts,
            hasher,
            shutdown,
            statements,
            _dir: dir,
        }
    }

    /// Starts the dispatcher and the sweepers.
    pub fn run(&self) {
        self.app.run(&self.shutdown);
    }

    /// Ends it, for a test that makes many: threads and connections go.
    pub async fn end(&self) {
        self.shutdown.soft.cancel();
        self.shutdown.hard.cancel();
        for shard in self.shards.all() {
            shard.engine().close().await;
        }
    }

    pub async fn sign_up(&self, email: &str) -> proto::User {
        ok(self.users.clone().create_user(person(email)).await).user.unwrap()
    }

    pub async fn get(&self, id: u64) -> Result<proto::User, Error> {
        let got = self.users.clone().get_user(proto::GetUserRequest { user_id: id }).await;
        got.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| from_status(&status))
    }

    pub async fn resolve(&self, email: &str) -> Option<u64> {
        let request = api::directory::v1::ResolveEmailRequest { email: email.to_owned() };
        self.directory.clone().resolve_email(request).await.ok().map(|answer| answer.into_inner().user_id)
    }

    pub async fn patch(&self, request: proto::UpdateUserRequest) -> Result<proto::User, Error> {
        let done = self.users.clone().update_user(request).await;
        done.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| from_status(&status))
    }

    pub async fn change_email(&self, id: u64, email: &str) -> Result<proto::User, Error> {
        self.patch(proto::UpdateUserRequest { user_id: id, email: Some(email.to_owned()), ..Default::default() }).await
    }

    pub async fn delete(&self, id: u64) -> Result<(), Error> {
        let request = proto::DeleteUserRequest { user_id: id, if_version: None };
        self.users.clone().delete_user(request).await.map(|_| ()).map_err(|status| from_status(&status))
    }

    /// Sweeps reservations as if it were an hour later.
    pub async fn sweep_late(&self) {
        self.app.sweeper().sweep_claims(model::time::now_ms() + HOUR_MS).await;
    }

    /// Waits until the outbox has nothing that is due.
    pub async fn outbox_is_empty(&self) {
        eventually(async || {
            let mut due = 0;
            for shard in self.shards.all() {
                let now_ms = model::time::now_ms() + 60_000;
                due += tables::outbox::due(&mut shard.read_all(), now_ms, 100).await.unwrap().len();
            }
            due == 0
        })
        .await;
    }

    /// All claims: e-mail, user, whether confirmed.
    pub async fn claims(&self) -> Vec<(String, u64, bool)> {
        let mut claims = Vec::new();
        for shard in self.shards.all() {
            let rows = shard.read_all().query("SELECT email, user_id, state FROM email_claims", &[]).await.unwrap();
            for row in rows {
                claims.push((row.text(0).unwrap(), row.u64(1).unwrap(), row.text(2).unwrap() == "confirmed"));
            }
        }
        claims.sort();
        claims
    }

    /// All live users: id and normal e-mail.
    pub async fn live(&self) -> Vec<(u64, String)> {
        let mut live = Vec::new();
        for shard in self.shards.all() {
            let sql = "SELECT id, email_normal FROM users WHERE state = 'live'";
            for row in shard.read_all().query(sql, &[]).await.unwrap() {
                live.push((row.u64(0).unwrap(), row.text(1).unwrap()));
            }
        }
        live.sort();
        live
    }

    /// What the sweeper has to keep: claims and live users are one to one.
    pub async fn assert_every_address_has_one_user(&self) {
        let claims = self.claims().await;
        let mut expected: Vec<_> = self.live().await.into_iter().map(|(id, email)| (email, id, true)).collect();
        expected.sort();
        assert_eq!(claims, expected);
    }

    pub fn bucket(&self, user: u64) -> Bucket {
        self.shards.place(UserId::new(user).unwrap()).unwrap().bucket
    }
}

/// What a bootstrap does: every shard gets its owner rows.
async fn adopt(router: &Router, opener: &Opener) {
    for info in router.topology.live_shards() {
        let engine = topology::identity::open(opener, "test", info).await.unwrap();
        let owned = router.topology.owned_buckets(info.shard_id());
        let buckets = owned.into_iter().map(|own| (own.bucket, own.epoch)).collect();
        Shard::new(info.shard_id(), engine).adopt(buckets).await.unwrap();
    }
}

pub fn person(email: &str) -> proto::CreateUserRequest {
    proto::CreateUserRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        first_name: "John".to_owned(),
        last_name: "Smith".to_owned(),
        address: Some(proto::Address {
            street_address: Some("21 2nd Street".to_owned()),
            city: Some("New York".to_owned()),
            state: Some("NY".to_owned()),
            postal_code: Some("10021".to_owned()),
        }),
        phone_numbers: vec!["212 555-1234".to_owned(), "646 555-4567".to_owned()],
        idempotency: None,
        role: 0,
    }
}

pub fn keyed(mut request: proto::CreateUserRequest, key: u8, body: u8) -> proto::CreateUserRequest {
    request.idempotency = Some(proto::Idempotency { key_hash: vec![key; 32], request_hash: vec![body; 32] });
    request
}

pub fn ok<T>(answer: Result<Response<T>, Status>) -> T {
    answer.unwrap().into_inner()
}

pub fn refusal<T>(answer: Result<Response<T>, Status>) -> Error {
    match answer {
        Ok(_) => panic!("it was not refused"),
        Err(status) => from_status(&status),
    }
}

pub fn code<T>(answer: Result<Response<T>, Status>) -> Code {
    refusal(answer).code
}

/// Waits for something to become true; ten seconds at most.
pub async fn eventually(mut check: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "it did not become true in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
