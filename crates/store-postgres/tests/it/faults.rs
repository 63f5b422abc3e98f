//! What goes wrong between engine and server: cut connections, killed, frozen and restarted servers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::{join, join_all};
use store::{Error, Query, Shard, tables::inbox};
use store_postgres::{Location, Settings};
use tempfile::TempDir;
use testkit::{
    engines::{Cut, Postgres, Wire},
    eventually,
};

use crate::{NOW, world};

async fn write(shard: &Shard, bucket: u32, id: String) -> store::Result<bool> {
    let work =
        shard.write(world::own(bucket), move |tx| Box::pin(async move { inbox::consume(tx, &id, NOW, NOW).await }));
    work.await.map(|written| written.value)
}

async fn ids(shard: &Shard) -> BTreeSet<String> {
    let rows = shard.read_all().query("SELECT id FROM inbox", &[]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap()).collect()
}

// R14: an answer that never came is doubt, whichever side of the commit the cut fell on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_around_commit_leaves_the_write_in_doubt() {
    let server = world::server().await;
    let database = world::database(server).await;
    let wire = Wire::to(server.port()).await.unwrap();
    let through = Location { host: "127.0.0.1".to_owned(), port: wire.port(), database: database.clone() };
    let settings = Settings { pool: 1, readers: 1, ..world::settings() };
    let engine = store_postgres::Postgres::open("shard-0", &through, &settings).await.unwrap();
    let shard = world::shard(&engine).await;
    let mut expected = BTreeSet::new();
    for round in 0..200_u32 {
        let (id, cut) = (format!("{round}"), if round % 2 == 0 { Cut::Answer } else { Cut::Request });
        wire.cut_next(cut);
        let ended = write(&shard, round % 16, id.clone()).await;
        assert!(matches!(ended, Err(Error::InDoubt(_))), "{round}: {ended:?}");
        if cut == Cut::Answer {
            expected.insert(id);
        }
    }
    // The engine goes on by itself, and what the server had taken is there.
    assert!(write(&shard, 0, "last".to_owned()).await.unwrap());
    expected.insert("last".to_owned());
    assert_eq!(ids(&shard).await, expected);
}

// R60
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_acknowledged() {
    let directory = TempDir::new().unwrap();
    let mut server = Postgres::start(directory.path()).await.unwrap();
    server.create_database("shard").await.unwrap();
    let engine = world::open(&server, "shard", &world::settings()).await.unwrap();
    let shard = world::shard(&engine).await;
    let (acknowledged, failed) = (Mutex::new(BTreeSet::new()), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let count = || acknowledged.lock().unwrap().len();
    let writers = join_all((0..8_u32).map(|writer| {
        let (shard, acknowledged, failed, stop) = (&shard, &acknowledged, &failed, &stop);
        async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("{writer}-{number}");
                match write(shard, writer, id.clone()).await {
                    Ok(_) => drop(acknowledged.lock().unwrap().insert(id)),
                    Err(Error::Busy | Error::Unavailable(_) | Error::InDoubt(_)) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }));
    let kills = async {
        for _ in 0..3 {
            let before = count();
            eventually("writes are acknowledged", Duration::from_mins(1), || async {
                (count() > before + 50).then_some(())
            })
            .await;
            server.kill().await.unwrap();
            server.restart().await.unwrap();
        }
        let before = count();
        eventually("writes are acknowledged again", Duration::from_mins(1), || async {
            (count() > before + 50).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
    };
    join(writers, kills).await;
    let acknowledged = acknowledged.into_inner().unwrap();
    let found = ids(&shard).await;
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    println!("{} acknowledged, {} failed, {} found", acknowledged.len(), failed.into_inner(), found.len());
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_told_within_the_bounds_and_found_again_when_it_thaws() {
    let directory = TempDir::new().unwrap();
    let server = Postgres::start(directory.path()).await.unwrap();
    server.create_database("shard").await.unwrap();
    let prepared = world::open(&server, "shard", &world::settings()).await.unwrap();
    world::shard(&prepared).await;
    let settings = Settings {
        pool: 2,
        readers: 1,
        acquire_ms: 300,
        connect_ms: 2_000,
        statement_ms: 500,
        commit_ms: 1_500,
        ..world::settings()
    };
    let engine = world::open(&server, "shard", &settings).await.unwrap();
    let shard = Shard::new(model::ShardId(0), Arc::clone(&engine) as _);
    write(&shard, 0, "before".to_owned()).await.unwrap();
    server.freeze();
    let begun = Instant::now();
    let ended = join_all((0..10).map(|number| write(&shard, 0, format!("frozen-{number}")))).await;
    let read = shard.read_all().query("SELECT 1 FROM inbox", &[]).await;
    let took = begun.elapsed();
    server.thaw();
    let busy = ended.iter().filter(|ended| matches!(ended, Err(Error::Busy))).count();
    let away = ended.iter().filter(|ended| matches!(ended, Err(Error::Unavailable(_)))).count();
    assert_eq!((busy, away), (8, 2), "{ended:?}");
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    // Two answers awaited one after the other, 1.5 s each, and a connection, 2 s.
    assert!(took < Duration::from_secs(10), "{took:?}");
    eventually("the engine finds the server again", Duration::from_secs(30), || async {
        write(&shard, 0, "after".to_owned()).await.ok()
    })
    .await;
    let found = ids(&shard).await;
    assert!(found.contains("before") && found.contains("after") && found.len() == 2, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_ended_on_the_server_are_replaced_unseen() {
    let server = world::server().await;
    let database = world::database(server).await;
    let engine = world::open(server, &database, &world::settings()).await.unwrap();
    let shard = world::shard(&engine).await;
    for round in 0..5 {
        assert!(join_all((0..4).map(|n| write(&shard, n, format!("{round}-{n}")))).await.iter().all(Result::is_ok));
        let others = format!("FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()");
        server.sql(&database, &format!("SELECT pg_terminate_backend(pid) {others}")).await.unwrap();
        eventually("all are ended", Duration::from_secs(30), || async {
            (server.sql(&database, &format!("SELECT count(*) {others}")).await.unwrap() == "0").then_some(())
        })
        .await;
        let (written, read) = join(write(&shard, 0, format!("{round}-again")), async {
            shard.read_all().query("SELECT count(*) FROM inbox", &[]).await
        })
        .await;
        assert!(written.unwrap());
        assert_eq!(read.unwrap().len(), 1);
    }
}

// A statement that waits for a lock or works for too long ends by the server's own clock, and nothing of it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_given_up_and_writes_nothing() {
    let server = world::server().await;
    let database = world::database(server).await;
    let settings = Settings { statement_ms: 300, lock_ms: 100, ..world::settings() };
    let engine = world::open(server, &database, &settings).await.unwrap();
    let shard = world::shard(&engine).await;
    let slow = shard.write(world::own(0), |tx| {
        Box::pin(async move {
            inbox::consume(tx, "slow", NOW, NOW).await?;
            tx.query("SELECT 1 FROM pg_sleep(30)", &[]).await
        })
    });
    let ended = slow.await;
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    let (held, release) = tokio::sync::oneshot::channel::<()>();
    let holder = shard.write_user(world::own(1), model::UserId::new(1).unwrap(), move |tx| {
        Box::pin(async move {
            inbox::consume(tx, "holder", NOW, NOW).await?;
            // A law says that work awaits nothing else; here it stands for a slow disk.
            let _ = release.await;
            Ok(())
        })
    });
    let second = async {
        let waits = eventually("the second waits in vain", Duration::from_secs(30), || async {
            let second = shard.write_user(world::own(1), model::UserId::new(1).unwrap(), |tx| {
                Box::pin(async move { inbox::consume(tx, "second", NOW, NOW).await })
            });
            matches!(second.await, Err(Error::Busy)).then_some(())
        });
        waits.await;
        held.send(()).unwrap();
    };
    let (holder, ()) = join(holder, second).await;
    holder.unwrap();
    assert!(!ids(&shard).await.contains("slow"));
    assert!(ids(&shard).await.contains("holder"));
}
