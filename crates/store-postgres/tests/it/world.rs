//! A server for the whole binary, a database for each test.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
};

use model::{Bucket, Epoch, ShardId};
use store::{Cluster, Engine, Identity, Ownership, SHARD, Shard, prepare};
use store_postgres::{Location, Settings};
use testkit::engines::{
    Postgres,
    postgres::{self, PASSWORD, SUPERUSER},
};
use tokio::sync::OnceCell;

/// The server that tests share which neither stop nor kill it. Quick: commits do not reach the disk.
pub async fn server() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            let directory = tempfile::Builder::new().prefix("myriad-postgres-").tempdir().unwrap().keep();
            let settings =
                postgres::Settings { fsync: false, remove_after_exit: true, ..postgres::Settings::default() };
            Postgres::start_with(&directory, settings).await.unwrap()
        })
        .await
}

/// A name that no other database of the shared server has.
pub async fn database(server: &Postgres) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.unwrap();
    name
}

/// The superuser's settings, with patience for a busy machine.
pub fn settings() -> Settings {
    Settings {
        user: SUPERUSER.to_owned(),
        password: Some(PASSWORD.into()),
        pool: 4,
        readers: 2,
        acquire_ms: 60_000,
        statement_ms: 30_000,
        lock_ms: 30_000,
        ..Settings::default()
    }
}

pub fn location(server: &Postgres, database: &str) -> Location {
    server.url(database).parse().unwrap()
}

pub async fn open(
    server: &Postgres,
    database: &str,
    settings: &Settings,
) -> store::Result<Arc<store_postgres::Postgres>> {
    store_postgres::Postgres::open("shard-0", &location(server, database), settings).await
}

pub fn identity() -> Identity {
    Identity { cluster: Cluster::Known("c1".to_owned()), member: "shard-0".to_owned() }
}

pub fn own(bucket: u32) -> Ownership {
    Ownership { bucket: Bucket(bucket), epoch: Epoch(1) }
}

/// A prepared shard that owns the first 16 buckets.
pub async fn shard(engine: &Arc<store_postgres::Postgres>) -> Shard {
    prepare(&**engine, &SHARD, identity()).await.unwrap();
    let shard = Shard::new(ShardId(0), Arc::clone(engine) as Arc<dyn Engine>);
    shard.adopt((0..16).map(|bucket| (Bucket(bucket), Epoch(1))).collect()).await.unwrap();
    shard
}
