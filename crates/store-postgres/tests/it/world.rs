//! A server for the whole binary, a database for each test.

use std::sync::Arc;

use model::{Bucket, Epoch, ShardId};
use store::{Cluster, Engine, Identity, Ownership, SHARD, Shard, prepare};
use store_postgres::{Location, Settings};
use testkit::engines::{
    Postgres,
    postgres::{PASSWORD, SUPERUSER},
};

/// The server that tests share which neither stop nor kill it.
pub async fn server() -> &'static Postgres {
    Postgres::shared().await.unwrap()
}

/// A database of one's own on the shared server.
pub async fn database(server: &Postgres) -> String {
    server.fresh_database().await.unwrap()
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
