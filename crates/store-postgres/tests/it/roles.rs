//! Roles: each service's may do what the service does, and no more.

use std::sync::Arc;

use model::ShardId;
use store::{Engine, Error, Query, SHARD, Shard, grants, prepare, tables::idempotency, tables::sessions, transact};
use store_postgres::{Postgres, ROLES, Settings};
use tokio::sync::OnceCell;

use crate::{NOW, world};

/// A database of the router's on the shared server.
async fn database() -> String {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let server = world::server().await;
    MADE.get_or_init(|| async {
        let passwords =
            [("router_password", "r"), ("user_service_password", "u"), ("session_service_password", "it's $ecret")];
        // Twice: it may be run again.
        for _ in 0..2 {
            server.script("postgres", ROLES, &passwords).await.unwrap();
        }
    })
    .await;
    let name = world::database(server).await;
    server.sql("postgres", &format!("ALTER DATABASE {name} OWNER TO myriad_router")).await.unwrap();
    name
}

async fn open_as(database: &str, user: &str, password: &str) -> Arc<Postgres> {
    let settings = Settings { user: user.to_owned(), password: Some(password.into()), ..world::settings() };
    world::open(world::server().await, database, &settings).await.unwrap()
}

async fn router(database: &str) -> Arc<Postgres> {
    open_as(database, "myriad_router", "r").await
}

async fn session_service(database: &str) -> Arc<Postgres> {
    open_as(database, grants::SESSION_SERVICE, "it's $ecret").await
}

async fn may(engine: &Arc<Postgres>, sql: &'static str) -> bool {
    let ended = transact(&**engine, move |tx| Box::pin(async move { tx.define(sql).await })).await;
    match ended {
        Ok(_) => true,
        Err(Error::Unusable(text)) if text.contains("permission denied") || text.contains("must be owner") => false,
        Err(other) => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_do_what_its_service_does_and_no_more() {
    let database = database().await;
    let router = router(&database).await;
    let owned = world::shard(&router).await;
    assert!(grants::apply(&*router, grants::SHARD).await.unwrap());
    let before = router.stats();
    assert!(!grants::apply(&*router, grants::SHARD).await.unwrap(), "a second start writes nothing");
    assert_eq!(router.stats(), before);
    drop(owned);

    let engine = session_service(&database).await;
    let before = engine.stats();
    assert!(!prepare(&*engine, &SHARD, world::identity()).await.unwrap().created);
    assert_eq!(engine.stats(), before);
    let shard = Shard::new(ShardId(0), Arc::clone(&engine) as _);
    let row = idempotency::RequestRow {
        scope: "sign-in".to_owned(),
        key_hash: [1; 32],
        request_hash: [1; 32],
        operation: "op".to_owned(),
        subject: "1".to_owned(),
        deadline_ms: NOW,
        answer: None,
        expires_at_ms: NOW,
    };
    let work = shard.write(world::own(5), move |tx| Box::pin(async move { idempotency::begin(tx, &row).await }));
    assert!(work.await.unwrap().value);
    let purged = shard.write(world::own(5), |tx| Box::pin(async move { sessions::purge(tx, NOW).await })).await;
    assert_eq!(purged.unwrap().value, 0);
    assert!(shard.read_all().query("SELECT phc FROM credentials", &[]).await.is_ok());
    for refused in [
        "DELETE FROM users",
        "INSERT INTO email_claims VALUES (1, 'a', 1, 'reserved', 'a', 1)",
        "UPDATE bucket_owner SET epoch = 9",
        "SELECT * FROM images",
        "SELECT * FROM change_log",
        "UPDATE meta SET value = 'x'",
        "CREATE TABLE mine (id BIGINT)",
        "DROP TABLE users",
        "ALTER TABLE users ADD COLUMN x BIGINT",
        "CREATE ROLE other",
    ] {
        assert!(!may(&engine, refused).await, "{refused}");
    }

    let engine = open_as(&database, grants::USER_SERVICE, "u").await;
    assert!(may(&engine, "UPDATE users SET version = version").await);
    for refused in ["DELETE FROM users", "INSERT INTO sessions SELECT * FROM sessions", "DELETE FROM bucket_owner"] {
        assert!(!may(&engine, refused).await, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_no_longer_in_the_list_is_taken_back() {
    let database = database().await;
    let router = router(&database).await;
    world::shard(&router).await;
    grants::apply(&*router, grants::SHARD).await.unwrap();
    assert!(may(&router, "GRANT DELETE ON users TO myriad_session_service").await);
    assert!(grants::apply(&*router, grants::SHARD).await.unwrap());
    assert!(!may(&session_service(&database).await, "DELETE FROM users").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_newer_than_the_schema_waits_for_the_router() {
    let database = database().await;
    let engine = session_service(&database).await;
    let empty = prepare(&*engine, &SHARD, world::identity()).await.unwrap_err().to_string();
    assert!(empty.contains("It waits for shard-router of this version"), "{empty}");
    let router = router(&database).await;
    world::shard(&router).await;
    // Without its grants it cannot even look; it is told so.
    let ungranted = prepare(&*engine, &SHARD, world::identity()).await.unwrap_err().to_string();
    assert!(ungranted.contains("meta") && ungranted.contains("shard-router"), "{ungranted}");
    grants::apply(&*router, grants::SHARD).await.unwrap();
    assert!(may(&router, "UPDATE meta SET value = '0' WHERE key = 'schema_version'").await);
    let older = prepare(&*engine, &SHARD, world::identity()).await.unwrap_err().to_string();
    assert!(older.contains("It waits for shard-router of this version"), "{older}");
}
