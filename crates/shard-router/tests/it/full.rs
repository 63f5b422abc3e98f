//! A target whose disk fills while it is copied to: the moves are undone with the reason, nothing is lost, and once there is room the same
//! command does it.

use std::sync::Arc;

use api::growth::v1::SeedUsersRequest;
use testkit::engines::ShardEngine;

use crate::client::shards;
use crate::cluster::{Cluster, define, until};
use crate::growth::{add, counts, decided, drain, ended, require_no_fault};
use crate::ledger::{Traffic, settle};

async fn a_target_is_full(kind: ShardEngine, fill: &'static str, clear: &'static str) {
    let cluster = Cluster::on(kind).await;
    let node = cluster.start(Some(1)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    // The ledger's users have ids that no router gave out: none is given out now.
    node.catalog().lease(8_192).await.unwrap();
    settle(&shards).await;
    node.growth().seed_users(SeedUsersRequest { users: 4_096 }).await.unwrap();
    let traffic = Traffic::begin(&shards, 4);
    let source = shards.topology().shards()[0].name.clone();
    add(&node, kind.new_location("small").await.unwrap(), "small").await;
    until("the new shard is open", || shards.all().len() == 2).await;
    let target = Arc::clone(shards.all()[1].engine());
    define(&*target, fill).await;
    let plan = drain(&node, &source).await;
    let answer = decided(&node, &plan.operation).await;
    let undone = answer.progress.unwrap().undone;
    let said = answer.moves.into_iter().map(|row| row.error).find(|error| !error.is_empty()).unwrap_or_default();
    assert!(undone > 0 && said.contains("the disk is full"), "{undone}: {said}");
    assert!(counts(&node).await[0].1 > 0, "the source keeps what had no room");
    require_no_fault(&node).await;

    define(&*target, clear).await;
    // What was copied is deleted, if not before then now.
    assert_eq!(ended(&node).await, undone);
    let plan = drain(&node, &source).await;
    assert_eq!(
        (plan.buckets > 0, ended(&node).await),
        (true, undone),
        "the rest of it, and no move is undone any more"
    );
    let mut books = traffic.end().await;
    // Who lives where there is no room is refused, and loses nothing.
    books.failed.retain(|said| !said.contains("the disk is full"));
    assert_eq!(books.audit(&shards).await, Vec::<String>::new());
    require_no_fault(&node).await;
    assert_eq!(counts(&node).await[0].1, 0);
    node.stop().await;
}

/// SQLite's own bound on the file's pages meets writers as a full disk does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_grow_undoes_the_moves_to_it() {
    a_target_is_full(ShardEngine::Sqlite, "PRAGMA max_page_count = 500", "PRAGMA max_page_count = 1000000000").await;
}

/// With the code that PostgreSQL gives where it cannot extend a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_without_room_undoes_the_moves_to_it() {
    let fill = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''could not extend file: No space left on device'' USING ERRCODE = ''53100''; END';
                CREATE TRIGGER no_room BEFORE INSERT ON images EXECUTE FUNCTION no_room()";
    a_target_is_full(ShardEngine::Postgres, fill, "DROP TRIGGER no_room ON images").await;
}
