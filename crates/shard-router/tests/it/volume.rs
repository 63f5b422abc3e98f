//! Many rows: how fast they move, while people write. `MYRIAD_USERS` says how many users there are; `make growth-test` asks for a million.

use std::time::Instant;

use api::growth::v1::{AddShardRequest, DrainShardRequest, RebalanceRequest, SeedUsersRequest, VerifyRequest};
use shard_router::MoveSettings;
use testkit::engines::ShardEngine;

use crate::client::shards;
use crate::cluster::{Cluster, Node};
use crate::growth::decided;
use crate::ledger::{Traffic, settle};

/// None in the short form.
fn asked() -> Option<u32> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the long suite")]
    std::env::var("MYRIAD_USERS").ok().and_then(|users| users.parse().ok())
}

/// Users with a password, an e-mail, a session and a picture's row: five rows each.
async fn seed(node: &Node, users: u32) -> u32 {
    let mut made = 0;
    while made < users {
        let request = SeedUsersRequest { users: (users - made).min(16_384) };
        made += node.growth().seed_users(request).await.unwrap().into_inner().users;
    }
    made
}

async fn moved(node: &Node) -> (u64, Vec<u64>) {
    let answer = decided(node, "").await;
    let progress = answer.progress.unwrap();
    let errors: Vec<_> = answer.moves.iter().filter(|row| !row.error.is_empty()).map(|row| &row.error).collect();
    assert_eq!(progress.undone, 0, "{errors:?}");
    (progress.rows_copied, answer.moves.iter().map(|row| row.pause_us).collect())
}

async fn grow(from: ShardEngine, to: ShardEngine, new_shards: usize) {
    let count = asked().unwrap_or(2_000);
    let mut cluster = Cluster::on(from).await;
    if asked().is_some() {
        // As it is by default: this is where it is measured.
        cluster.moves = MoveSettings::default();
        cluster.connections = Some(engines::PostgresSettings::default().pool);
    }
    cluster.moves.grace_ms = 600_000;
    let node = cluster.start(Some(1)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    // The ledger's users have ids that no router gave out: none is given out now.
    node.catalog().lease(8_192).await.unwrap();
    settle(&shards).await;
    let begun = Instant::now();
    let count = seed(&node, count).await;
    let seeded = begun.elapsed();
    let traffic = Traffic::begin(&shards, 1);
    traffic.more(20).await;
    for number in 0..new_shards {
        let (location, name) = (to.new_location(&format!("n{number}")).await.unwrap(), format!("n{number}"));
        node.growth().add_shard(AddShardRequest { location, name, ..AddShardRequest::default() }).await.unwrap();
    }
    let begun = Instant::now();
    match from {
        ShardEngine::Sqlite => {
            let all = DrainShardRequest { name: "local".to_owned(), dry_run: false };
            drop(node.growth().drain_shard(all).await.unwrap());
        }
        ShardEngine::Postgres => drop(node.growth().rebalance(RebalanceRequest::default()).await.unwrap()),
    }
    let (rows, mut pauses) = moved(&node).await;
    let took = begun.elapsed();
    traffic.more(20).await;
    let books = traffic.end().await;
    pauses.sort_unstable();
    let ms = |percent: usize| pauses[(pauses.len() * percent / 100).min(pauses.len() - 1)] / 1000;
    println!(
        "| {from:?} → {new_shards} more on {to:?} | {count} users seeded in {:.1} s | {rows} rows in {:.1} s: {:.0}/s | \
         pause p50 {} p99 {} max {} ms | {} writes meanwhile, 0 failed, slowest {} ms |",
        seeded.as_secs_f64(),
        took.as_secs_f64(),
        f64::from(u32::try_from(rows).unwrap()) / took.as_secs_f64(),
        ms(50),
        ms(99),
        ms(100),
        books.acknowledged(),
        books.longest.as_millis(),
    );
    assert_eq!(books.failed, Vec::<String>::new());
    let answer = node.growth().verify(VerifyRequest { deep: count < 50_000 }).await.unwrap().into_inner();
    // The ledger's users have no e-mails of their own.
    let faults: Vec<_> = answer.faults.iter().filter(|fault| !fault.contains("no e-mail is claimed")).collect();
    assert_eq!(faults, Vec::<&String>::new());
    node.stop().await;
}

// R68 R77
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_moves_to_postgres_shards_under_writes() {
    grow(ShardEngine::Sqlite, ShardEngine::Postgres, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_postgres_shard_shares_with_another_under_writes() {
    grow(ShardEngine::Postgres, ShardEngine::Postgres, 1).await;
}
