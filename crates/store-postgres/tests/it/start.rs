//! Starts that must fail say why and what to do.

use store::Error;
use store_postgres::{Location, Settings};

use crate::world;

async fn refused(location: &Location, settings: &Settings) -> Error {
    match store_postgres::Postgres::open("shard-0", location, settings).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_and_databases_are_refused_with_advice() {
    let server = world::server().await;
    let there = world::location(server, "postgres");
    let wrong = Settings { password: Some("hunter2".into()), ..world::settings() };
    let text = refused(&there, &wrong).await.to_string();
    assert!(text.contains("postgres.password") && text.contains(&there.to_string()), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let nobody = Settings { user: "nobody".to_owned(), ..world::settings() };
    assert!(refused(&there, &nobody).await.to_string().contains("\"nobody\""));
    let missing = world::location(server, "no_such_database");
    let text = refused(&missing, &world::settings()).await.to_string();
    assert!(text.contains("no_such_database") && text.contains("CREATE DATABASE"), "{text}");
    let bad = Settings { pool: 0, ..world::settings() };
    assert!(matches!(refused(&there, &bad).await, Error::Unusable(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_unavailable() {
    let port = testkit::engines::free_port().unwrap();
    let nowhere = Location { host: "127.0.0.1".to_owned(), port, database: "shard".to_owned() };
    let error = refused(&nowhere, &world::settings()).await;
    assert!(matches!(&error, Error::Unavailable(text) if text.contains(&nowhere.to_string())), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_would_break_the_engines_word_is_refused() {
    let server = world::server().await;
    server.sql("postgres", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0").await.unwrap();
    let text = refused(&world::location(server, "ascii"), &world::settings()).await.to_string();
    assert!(text.contains("SQL_ASCII") && text.contains("UTF8"), "{text}");
    let early = world::database(server).await;
    server.sql("postgres", &format!("ALTER DATABASE {early} SET synchronous_commit = off")).await.unwrap();
    let text = refused(&world::location(server, &early), &world::settings()).await.to_string();
    assert!(text.contains("synchronous_commit"), "{text}");
}
