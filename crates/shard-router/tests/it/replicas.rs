//! Operators add and take away replicas; services follow without a restart.

use api::growth::v1::{AddReplicaRequest, ListShardsRequest, RemoveReplicaRequest, Replica};
use model::Bucket;
use tempfile::TempDir;
use testkit::engines::Postgres;
use testkit::engines::ShardEngine;
use testkit::eventually;

use crate::client::shards;
use crate::cluster::{Cluster, Node};

async fn add(node: &Node, shard: &str, location: &str, dry_run: bool) -> Result<Vec<String>, String> {
    let request = AddReplicaRequest { shard: shard.to_owned(), location: location.to_owned(), dry_run };
    let answer = node.growth().add_replica(request).await.map_err(|status| status.message().to_owned())?;
    Ok(locations(answer.into_inner().shard.unwrap().replicas))
}

fn locations(replicas: Vec<Replica>) -> Vec<String> {
    replicas.into_iter().map(|replica| replica.location).collect()
}

async fn remove(node: &Node, location: &str) -> Result<Vec<String>, String> {
    let request = RemoveReplicaRequest { shard: "shard-0".to_owned(), location: location.to_owned(), dry_run: false };
    let answer = node.growth().remove_replica(request).await.map_err(|status| status.message().to_owned())?;
    Ok(locations(answer.into_inner().shard.unwrap().replicas))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_come_and_go_while_services_run_and_wrong_ones_are_refused() {
    let (here, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let cluster = Cluster::on(ShardEngine::Postgres).await;
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    let server = Postgres::shared().await.unwrap();
    let replica = server.replica(here.path(), &[]).await.unwrap();
    let stranger = Postgres::start(elsewhere.path()).await.unwrap();
    let stranger_replica = {
        let folder = elsewhere.path().join("replica");
        std::fs::create_dir(&folder).unwrap();
        stranger.replica(&folder, &[]).await.unwrap()
    };
    let locations: Vec<String> = node.catalog().current().shards().iter().map(|info| info.location.clone()).collect();
    let database = |of: usize| locations[of].rsplit_once('/').unwrap().1.to_owned();
    let right = replica.url(&database(0));

    let closed = format!("postgres://127.0.0.1:{}/x", testkit::engines::free_port().unwrap());
    for (location, said) in [
        (closed, "cannot be reached"),
        (locations[1].clone(), "replica of shard-1 already"),
        (stranger.url("postgres"), "it takes writes itself"),
        (stranger_replica.url("postgres"), "a copy of another server"),
        // The right server, another shard's database on it.
        (replica.url(&database(1)), "shard-1"),
        (replica.url("postgres"), "has no schema"),
        (right.replace("postgres://", "postgres://me:secret@"), "without a user"),
        ("postgres://".to_owned(), "is written postgres://host:port/database"),
    ] {
        let refused = add(&node, "shard-0", &location, false).await.unwrap_err();
        assert!(refused.contains(said) && !refused.contains("secret"), "{location}: {refused}");
    }
    assert!(add(&node, "nobody", &right, false).await.unwrap_err().contains("no shard nobody"));
    assert_eq!(add(&node, "shard-0", &right, true).await.unwrap(), [right.as_str()]);
    assert!(node.catalog().current().shards()[0].replicas.is_empty(), "a dry run changes nothing");
    assert!(!shards.show(Bucket(0), &[]).await.unwrap().on_replica);

    assert_eq!(add(&node, "shard-0", &right, false).await.unwrap(), [right.as_str()]);
    assert!(add(&node, "shard-0", &right, false).await.unwrap_err().contains("already"));
    let primary = shards.all()[0].engine().clone();
    eventually("the replica is read from", std::time::Duration::from_mins(1), || async {
        // Never without the shard meanwhile.
        shards.show(Bucket(0), &[]).await.unwrap().on_replica.then_some(())
    })
    .await;
    assert!(std::sync::Arc::ptr_eq(&primary, shards.all()[0].engine()), "the primary stays open");
    assert!(!shards.show(Bucket(1), &[]).await.unwrap().on_replica, "the other shard has none");
    eventually("the replica has replayed everything", std::time::Duration::from_mins(1), || async {
        let told = node.growth().list_shards(ListShardsRequest::default()).await.unwrap().into_inner();
        let there = &told.shards[0].replicas[0];
        assert_eq!((there.location.as_str(), there.error.as_str()), (right.as_str(), ""));
        (there.lag_bytes == 0).then_some(())
    })
    .await;

    assert_eq!(remove(&node, &right).await.unwrap(), Vec::<String>::new());
    assert!(remove(&node, &right).await.unwrap_err().contains("which has none"));
    eventually("the primary is read from", std::time::Duration::from_mins(1), || async {
        (!shards.show(Bucket(0), &[]).await.unwrap().on_replica).then_some(())
    })
    .await;
    node.stop().await;
}

#[tokio::test]
async fn a_file_has_no_replicas() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(1)).await.unwrap();
    let refused = add(&node, "local", "postgres://127.0.0.1/x", false).await.unwrap_err();
    assert!(refused.contains("runs on a file"), "{refused}");
    node.stop().await;
}
