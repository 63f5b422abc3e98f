//! Grouped commits: many share one sync, a failure is one's own, and the queue is bounded.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::Duration,
};

use futures::future::join_all;
use proptest::prelude::*;
use store::{BoxFuture, Engine, Error, Query, Result, tables::inbox, transact};
use tempfile::TempDir;

use super::{NOW, options, own, shard};

/// A transaction that holds the writer thread until told to go on.
fn block(engine: Arc<dyn Engine>) -> (mpsc::Receiver<()>, mpsc::Sender<()>, BoxFuture<'static, Result<()>>) {
    let (inside, is_inside) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let held = Box::pin(async move {
        let work = transact(&*engine, move |_| {
            inside.send(()).unwrap();
            told.recv().unwrap();
            Box::pin(async { Ok(()) })
        });
        work.await.map(drop)
    });
    (is_inside, go_on, held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_wait_together_share_one_commit() {
    let dir = TempDir::new().unwrap();
    let (engine, shard) = shard(&options(&dir)).await;
    let (is_inside, go_on, held) = block(engine.clone());
    let mut writes: Vec<_> = (0..100)
        .map(|id: u32| {
            let write = shard.write(own(id % 16), move |tx| {
                Box::pin(async move { inbox::consume(tx, &id.to_string(), NOW, NOW).await })
            });
            Box::pin(write)
        })
        .collect();
    let mut held = Box::pin(held);
    assert!(futures::poll!(&mut held).is_pending());
    is_inside.recv().unwrap();
    let before = engine.stats();
    for write in &mut writes {
        assert!(futures::poll!(write).is_pending());
    }
    go_on.send(()).unwrap();
    held.await.unwrap();
    let ended = join_all(writes).await;
    let positions: BTreeSet<u64> = ended.into_iter().map(|ended| ended.unwrap().position.log).collect();
    let after = engine.stats();
    assert_eq!(after.transactions - before.transactions, 100);
    assert_eq!(after.commits - before.commits, 1, "one sync for all");
    assert_eq!(positions.len(), 1);
}

#[tokio::test]
async fn a_transaction_that_changes_nothing_costs_no_sync_and_has_a_position() {
    let dir = TempDir::new().unwrap();
    let (engine, first) = shard(&options(&dir)).await;
    let written =
        first.write(own(0), |tx| Box::pin(async move { inbox::consume(tx, "x", NOW, NOW).await })).await.unwrap();
    engine.close().await;
    let (engine, second) = shard(&options(&dir)).await;
    let again =
        second.write(own(0), |tx| Box::pin(async move { inbox::consume(tx, "x", NOW, NOW).await })).await.unwrap();
    assert_eq!((written.value, again.value), (true, false));
    assert!(again.position.log >= written.position.log);
    assert_eq!((engine.stats().transactions, engine.stats().commits), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_a_transaction_is_open() {
    let dir = TempDir::new().unwrap();
    let (engine, shard) = shard(&options(&dir)).await;
    let (is_inside, go_on, mut held) = block(engine.clone());
    assert!(futures::poll!(&mut held).is_pending());
    is_inside.recv().unwrap();
    for _ in 0..100 {
        let rows = shard.read_all().query("SELECT count(*) FROM bucket_owner", &[]).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), 16);
    }
    go_on.send(()).unwrap();
    held.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_and_nothing_of_the_refused_is_done() {
    let dir = TempDir::new().unwrap();
    let mut options = options(&dir);
    options.queue = 8;
    let (engine, shard) = shard(&options).await;
    let (is_inside, go_on, mut held) = block(engine.clone());
    assert!(futures::poll!(&mut held).is_pending());
    is_inside.recv().unwrap();
    let mut taken = Vec::new();
    let mut busy = 0;
    for id in 0..20 {
        let mut write = Box::pin(
            shard.write(own(0), move |tx| Box::pin(async move { inbox::consume(tx, &id.to_string(), NOW, NOW).await })),
        );
        match futures::poll!(&mut write) {
            std::task::Poll::Pending => taken.push(write),
            std::task::Poll::Ready(Err(Error::Busy)) => busy += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((taken.len(), busy), (8, 12));
    go_on.send(()).unwrap();
    held.await.unwrap();
    for write in taken {
        write.await.unwrap();
    }
    let rows = shard.read_all().query("SELECT count(*) FROM inbox", &[]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 8);
}

#[tokio::test]
async fn work_that_awaits_something_else_is_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let (_engine, shard) = shard(&options(&dir)).await;
    let ended = shard
        .write(own(0), |tx| {
            Box::pin(async move {
                inbox::consume(tx, "x", NOW, NOW).await?;
                tokio::time::sleep(Duration::from_hours(1)).await;
                Ok(())
            })
        })
        .await;
    // A timer outside a runtime panics; a channel would be "awaited something other". Neither holds anybody up.
    assert!(matches!(ended, Err(Error::Fault(_))), "{ended:?}");
    let ended = shard
        .write(own(0), |tx| {
            Box::pin(async move {
                inbox::consume(tx, "x", NOW, NOW).await?;
                std::future::pending::<Result<()>>().await
            })
        })
        .await;
    let Err(Error::Fault(text)) = ended else { panic!("{ended:?}") };
    assert!(text.contains("awaited"), "{text}");
    assert!(!inbox::contains(&mut shard.read(own(0)), own(0).bucket, "x").await.unwrap());
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_and_what_was_there_stays() {
    let dir = TempDir::new().unwrap();
    let (engine, shard) = shard(&options(&dir)).await;
    shard.write(own(0), |tx| Box::pin(async move { inbox::consume(tx, "kept", NOW, NOW).await })).await.unwrap();
    // SQLite's own bound on the file's pages meets writers as a full disk does.
    let limit = transact(&*engine, |tx| Box::pin(async move { tx.define("PRAGMA max_page_count = 50").await }));
    limit.await.unwrap();
    let writes = (0..200_u32).map(|id| {
        shard.write(own(id % 16), move |tx| {
            Box::pin(async move { inbox::consume(tx, &format!("{id:01000}"), NOW, NOW).await })
        })
    });
    let ended = join_all(writes).await;
    let full = ended.iter().filter(|ended| matches!(ended, Err(Error::DiskFull(_)))).count();
    let told = ended.iter().filter(|ended| matches!(ended, Err(Error::DiskFull(_) | Error::Unavailable(_)))).count();
    let good: BTreeSet<String> =
        (0..).zip(&ended).filter(|(_, ended)| ended.is_ok()).map(|(id, _): (u32, _)| format!("{id:01000}")).collect();
    assert!(full > 0);
    assert_eq!(good.len() + told, 200);
    let rows = shard.read_all().query("SELECT id FROM inbox WHERE id <> 'kept'", &[]).await.unwrap();
    let found: BTreeSet<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(found, good, "acknowledged and written are the same");
    assert!(inbox::contains(&mut shard.read(own(0)), own(0).bucket, "kept").await.unwrap());
    let room = transact(&*engine, |tx| Box::pin(async move { tx.define("PRAGMA max_page_count = 100000").await }));
    room.await.unwrap();
    shard.write(own(0), |tx| Box::pin(async move { inbox::consume(tx, "after", NOW, NOW).await })).await.unwrap();
}

#[derive(Debug, Clone, Copy)]
enum Plan {
    Write,
    Refuse,
    Panic,
    Collide,
}

fn plan() -> impl Strategy<Value = Plan> {
    prop_oneof![4 => Just(Plan::Write), 1 => Just(Plan::Refuse), 1 => Just(Plan::Panic), 1 => Just(Plan::Collide)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_a_group_is_made_of_exactly_the_good_ones_are_written(plans in prop::collection::vec(plan(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = TempDir::new().unwrap();
        let good: BTreeSet<String> = (0..).zip(&plans).filter(|(_, plan)| matches!(plan, Plan::Write))
            .map(|(id, _): (u32, _)| id.to_string()).collect();
        let (acknowledged, found) = runtime.block_on(run(&dir, &plans));
        prop_assert_eq!(&acknowledged, &good);
        prop_assert_eq!(&found, &good);
    }
}

async fn run(dir: &TempDir, plans: &[Plan]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (_engine, shard) = shard(&options(dir)).await;
    let writes = (0..).zip(plans).map(|(id, plan): (u32, _)| {
        let plan = *plan;
        shard.write(own(id % 16), move |tx| {
            Box::pin(async move {
                inbox::consume(tx, &id.to_string(), NOW, NOW).await?;
                match plan {
                    Plan::Write => Ok(id.to_string()),
                    Plan::Refuse => Err(model::Error::internal().into()),
                    Plan::Panic => panic!("as planned"),
                    Plan::Collide => {
                        let sql = "INSERT INTO inbox (bucket, id, consumed_at, expires_at) VALUES ($1, $2, 0, 0)";
                        let params = [tx.bucket().into(), id.to_string().into()];
                        // The error is dropped; the transaction is doomed all the same.
                        let _ = tx.change(&inbox::TABLE, &[id.to_string().into()], sql, &params).await;
                        Ok(id.to_string())
                    }
                }
            })
        })
    });
    let acknowledged = join_all(writes).await.into_iter().filter_map(|ended| Some(ended.ok()?.value)).collect();
    let rows = shard.read_all().query("SELECT id FROM inbox", &[]).await.unwrap();
    (acknowledged, rows.iter().map(|row| row.text(0).unwrap()).collect())
}
