//! What operators are told of shards, and a rebalance that goes by it, on both engines.

use std::sync::Arc;

use api::growth::v1::{ListShardsRequest, Measure, Plan, RebalanceRequest, SeedUsersRequest};
use store::Engine;
use testkit::engines::ShardEngine;
use tokio_util::sync::CancellationToken;

use crate::client::shards;
use crate::cluster::{Cluster, Node, define};

async fn dry(node: &Node, by: Measure) -> Plan {
    let request = RebalanceRequest { dry_run: true, by: by.into() };
    node.growth().rebalance(request).await.unwrap().into_inner().plan.unwrap()
}

/// From where to where, and whether that is many of a shard's 2048 buckets.
fn ways(plan: &Plan) -> Vec<(&str, &str, bool)> {
    plan.transfers.iter().map(|way| (way.source.as_str(), way.target.as_str(), way.buckets > 300)).collect()
}

/// From a table: PostgreSQL 15 keeps the number of transactions to itself for as long as they read none.
async fn ask(engine: Arc<dyn Engine>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        engine.query("SELECT epoch FROM bucket_owner WHERE bucket = 1", Vec::new()).await.unwrap();
    }
}

async fn what_is_measured_is_made_even(kind: ShardEngine, much: &'static str) {
    let cluster = Cluster::on(kind).await;
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    node.growth().seed_users(SeedUsersRequest { users: 4096 }).await.unwrap();
    let names: Vec<String> = node.catalog().current().shards().iter().map(|info| info.name.clone()).collect();
    let (one, other) = (names[0].as_str(), names[1].as_str());
    for by in [Measure::Buckets, Measure::Rows, Measure::Bytes] {
        assert_eq!(ways(&dry(&node, by).await), [], "{by:?}");
    }
    // The first shard is asked all the time, the second is not.
    let (engine, stop) = (Arc::clone(shards.all()[0].engine()), CancellationToken::new());
    let asking = node.shutdown().spawn(ask(Arc::clone(&engine), stop.clone()));
    let listed = node.growth().list_shards(ListShardsRequest { measure_load: true }).await.unwrap().into_inner();
    let loads: Vec<u64> = listed.shards.iter().map(|shard| shard.load.unwrap()).collect();
    assert!(loads[0] > 100 && loads[0] > 10 * loads[1], "{loads:?}");
    assert_eq!(ways(&dry(&node, Measure::Load).await), [(one, other, true)]);
    stop.cancel();
    asking.await.unwrap();
    // It has as many rows as the second, and is larger.
    define(&*engine, much).await;
    assert_eq!(ways(&dry(&node, Measure::Bytes).await), [(one, other, true)]);
    for by in [Measure::Unspecified, Measure::Rows] {
        assert_eq!(ways(&dry(&node, by).await), [], "{by:?}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_goes_by_what_postgres_shards_hold_and_are_asked() {
    let much = "CREATE TABLE much AS SELECT i, md5(i::text) AS filling FROM generate_series(1, 300000) i";
    what_is_measured_is_made_even(ShardEngine::Postgres, much).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_goes_by_what_files_hold_and_are_asked() {
    let much = "CREATE TABLE much AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
                SELECT randomblob(10000) AS filling FROM n";
    what_is_measured_is_made_even(ShardEngine::Sqlite, much).await;
}
