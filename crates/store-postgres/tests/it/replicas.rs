//! Replicas: what they say of themselves, that nothing is written to them, and what a pool does with a server whose role has changed.

use std::{sync::Arc, time::Duration};

use store::{Engine, Error, Query, Shard, tables::inbox};
use store_postgres::{Postgres as Database, ROLES, Settings};
use tempfile::TempDir;
use testkit::{engines::Postgres, eventually};

use crate::{NOW, world};

/// A primary with a prepared shard, and a replica of it.
struct Pair {
    primary: Postgres,
    replica: Postgres,
    shard: Shard,
    _directories: [TempDir; 2],
}

impl Pair {
    async fn new() -> Self {
        let directories = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let primary = Postgres::start(directories[0].path()).await.unwrap();
        primary.create_database("shard").await.unwrap();
        let shard = world::shard(&world::open(&primary, "shard", &world::settings()).await.unwrap()).await;
        let replica = primary.replica(directories[1].path(), &[]).await.unwrap();
        Self { primary, replica, shard, _directories: directories }
    }

    fn reader(&self) -> Arc<Database> {
        Database::replica("replica", &world::location(&self.replica, "shard"), &world::settings()).unwrap()
    }
}

async fn write(shard: &Shard, id: &'static str) -> store::Result<store::Position> {
    let written = shard.write(world::own(0), move |tx| Box::pin(inbox::consume(tx, id, NOW, NOW)));
    written.await.map(|written| written.position)
}

// R14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_to_the_primary_only() {
    let pair = Pair::new().await;
    // Nothing that was opened as a replica writes, whatever its server would say.
    let engine = pair.reader();
    let refused = write(&Shard::new(pair.shard.id(), engine.clone()), "a").await;
    assert!(matches!(&refused, Err(Error::Fault(text)) if text.contains("is a replica")), "{refused:?}");
    // A replica that was opened as a primary: its server refuses, and the connection does not go back.
    let settings = Settings { pool: 1, ..world::settings() };
    let wrong = world::open(&pair.replica, "shard", &settings).await.unwrap();
    let wrong = Shard::new(pair.shard.id(), wrong);
    for _ in 0..3 {
        let refused = write(&wrong, "a").await;
        assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("standby")), "{refused:?}");
    }
    // Once it is promoted the same pool writes to it at once, and whoever opened it as a replica still does not.
    pair.replica.promote().await.unwrap();
    write(&wrong, "a").await.unwrap();
    assert!(matches!(write(&Shard::new(pair.shard.id(), engine), "b").await, Err(Error::Fault(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_says_how_far_it_is_and_what_it_is_a_copy_of() {
    let pair = Pair::new().await;
    let (primary, replica) = (pair.shard.engine(), pair.reader());
    for id in ["a", "b", "c"] {
        let position = write(&pair.shard, id).await.unwrap();
        let told = primary.progress().await.unwrap();
        assert!(!told.is_replica && told.role_epoch == position.role_epoch && told.log >= position.log, "{told:?}");
        let there = eventually("the write is replayed", Duration::from_secs(30), || async {
            replica.progress().await.ok().filter(|there| there.log >= position.log)
        });
        let there = there.await;
        assert!(there.is_replica && there.server == told.server && there.role_epoch == told.role_epoch, "{there:?}");
        // What it says it has replayed, its reads see.
        let mut read = pair.shard.read_on(replica.clone(), world::own(0));
        assert!(inbox::contains(&mut read, world::own(0).bucket, id).await.unwrap());
    }
    pair.replica.promote().await.unwrap();
    let promoted = replica.progress().await.unwrap();
    let before = primary.progress().await.unwrap();
    assert!(!promoted.is_replica && promoted.role_epoch == before.role_epoch + 1, "{promoted:?}");
}

// The services' roles have no special rights: what is asked of a replica is open to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_may_ask_how_far_a_replica_is() {
    let pair = Pair::new().await;
    let passwords = [("router_password", "r"), ("user_service_password", "u"), ("session_service_password", "s")];
    pair.primary.script("postgres", ROLES, &passwords).await.unwrap();
    store::grants::apply(&**pair.shard.engine(), store::grants::SHARD).await.unwrap();
    let (user, password) = (store::grants::SESSION_SERVICE.to_owned(), Some("s".into()));
    let settings = Settings { user, password, ..world::settings() };
    let engine = Database::replica("replica", &world::location(&pair.replica, "shard"), &settings).unwrap();
    let told = eventually("the roles are there", Duration::from_secs(30), || async { engine.progress().await.ok() });
    assert!(told.await.is_replica);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_killed_is_used_again_by_the_same_pool() {
    let mut pair = Pair::new().await;
    let engine = pair.reader();
    assert!(engine.progress().await.is_ok());
    engine.query("SELECT 1 FROM inbox", Vec::new()).await.unwrap();
    pair.replica.kill().await.unwrap();
    assert!(matches!(engine.progress().await, Err(Error::Unavailable(_))));
    assert!(matches!(engine.query("SELECT 1 FROM inbox", Vec::new()).await, Err(Error::Unavailable(_))));
    pair.replica.restart().await.unwrap();
    eventually("it is read again", Duration::from_secs(30), || async {
        pair.shard.read_on(engine.clone(), world::own(0)).query("SELECT 1 FROM inbox", &[]).await.ok()
    })
    .await;
    assert!(engine.progress().await.unwrap().is_replica);
}
