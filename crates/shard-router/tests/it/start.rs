//! Starts: of a new cluster, of an old one, and those that are refused.

use std::time::Instant;

use model::{ShardId, UserId};
use store::Shard;
use store::tables::bucket_owner::{self, State};
use testkit::engines::ShardEngine;
use topology::UserIds;

use crate::cluster::{Cluster, execute};

/// R65 R66: four shards, disjoint, whole, in the catalog and in the shards themselves; user 12 on shard 0 and 13 on shard 1.
#[tokio::test]
async fn a_new_cluster_divides_all_buckets_among_its_shards() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(4)).await.unwrap();
    let topology = node.catalog().current();
    assert_eq!(topology.version(), 1);
    let names: Vec<_> = topology.shards().iter().map(|shard| shard.name.as_str()).collect();
    assert_eq!(names, ["local-0", "local-1", "local-2", "local-3"]);
    assert!(cluster.path().join("shards/local-3.db").exists());
    let shard_of = |id| topology.locate(UserId::new(id).unwrap()).shard;
    assert_eq!([shard_of(12), shard_of(13)], [ShardId(0), ShardId(1)]);

    let mut found = vec![0; 4096];
    for info in topology.shards() {
        let shard = Shard::new(info.shard_id(), node.opener.open(info).await.unwrap());
        let rows = bucket_owner::all(&mut shard.read_all()).await.unwrap();
        assert_eq!(rows.len(), 1024);
        for row in rows {
            found[row.bucket.0 as usize] += 1;
            let place = topology.place_of(row.bucket).unwrap();
            assert_eq!((place.shard, place.epoch, row.state), (info.shard_id(), row.epoch, State::Owned));
        }
    }
    assert!(found.iter().all(|&owners| owners == 1));
}

#[tokio::test]
async fn one_shard_is_the_default_and_is_called_local() {
    let cluster = Cluster::new();
    let node = cluster.start(None).await.unwrap();
    let topology = node.catalog().current();
    assert_eq!(topology.shards().len(), 1);
    assert_eq!(
        (topology.shards()[0].name.as_str(), topology.shards()[0].location.as_str()),
        ("local", "shards/local.db")
    );
}

#[tokio::test]
async fn a_restart_keeps_the_cluster_and_leases_no_id_again() {
    let cluster = Cluster::new();
    let mut last = 0;
    let mut cluster_id = None;
    for shards in [Some(2), None, Some(2)] {
        let node = cluster.start(shards).await.unwrap();
        let topology = node.catalog().current();
        assert_eq!(cluster_id.get_or_insert(topology.cluster_id().to_owned()), topology.cluster_id());
        let ids = UserIds::new(node.channel.clone(), 64, node.shutdown());
        let first = ids.next().await.unwrap().get();
        assert!(first > last, "{first} after {last}");
        for _ in 0..99 {
            last = ids.next().await.unwrap().get();
        }
        node.stop().await;
    }
    assert!(last > 300);
}

#[tokio::test]
async fn another_number_of_shards_is_refused_with_what_to_do() {
    let cluster = Cluster::new();
    cluster.start(Some(2)).await.unwrap().stop().await;
    let refused = cluster.refused(Some(4)).await;
    for part in ["has 2 shards", "says 4", "leave the setting out"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    // Nothing was changed by trying.
    assert!(!cluster.path().join("shards/local-3.db").exists());
    cluster.start(Some(2)).await.unwrap();
}

#[tokio::test]
async fn a_foreign_shard_file_is_refused_with_both_identities() {
    let (ours, theirs) = (Cluster::new(), Cluster::new());
    let mut ids = Vec::new();
    for cluster in [&ours, &theirs] {
        let node = cluster.start(None).await.unwrap();
        ids.push(node.catalog().current().cluster_id().to_owned());
        node.stop().await;
    }
    ours.remove("shards/local.db");
    std::fs::copy(theirs.path().join("shards/local.db"), ours.path().join("shards/local.db")).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::copy(
            theirs.path().join(format!("shards/local.db{suffix}")),
            ours.path().join(format!("shards/local.db{suffix}")),
        );
    }
    let refused = ours.refused(None).await;
    for part in ["local", &ids[0], &ids[1]] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    // So is a catalog that was lost while its shards stayed.
    theirs.remove("catalog.db");
    let refused = theirs.refused(None).await;
    assert!(refused.contains(&ids[1]), "{refused}");
}

#[tokio::test]
async fn shards_that_changed_places_are_refused() {
    let cluster = Cluster::new();
    cluster.start(Some(2)).await.unwrap().stop().await;
    let at = |name: &str| cluster.path().join("shards").join(name);
    for suffix in ["", "-wal", "-shm"] {
        let (a, b) = (at(&format!("local-0.db{suffix}")), at(&format!("local-1.db{suffix}")));
        // A database that was not closed in peace has its log beside it, and of two only one may.
        for (from, to) in [(&a, &at("aside")), (&b, &a), (&at("aside"), &b)] {
            if from.exists() {
                std::fs::rename(from, to).unwrap();
            }
        }
    }
    let refused = cluster.refused(None).await;
    assert!(refused.contains("shard-0") && refused.contains("shard-1"), "{refused}");
}

#[tokio::test]
async fn a_shard_that_lost_its_file_is_not_silently_made_anew() {
    let cluster = Cluster::new();
    cluster.start(Some(2)).await.unwrap().stop().await;
    cluster.remove("shards/local-1.db");
    // The second try meets the empty file that the first one made.
    for _ in 0..2 {
        let refused = cluster.refused(None).await;
        assert!(refused.contains("local-1") && refused.contains("deleted or replaced"), "{refused}");
    }
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_is_finished_by_the_next() {
    let cluster = Cluster::new();
    // After the catalog was begun and before the shards had their owner rows.
    let node = cluster.start(Some(2)).await.unwrap();
    execute(node.database(), "UPDATE shard SET adopted = 0").await;
    node.stop().await;
    cluster.remove("shards/local-0.db");
    let node = cluster.start(None).await.unwrap();
    assert_eq!(node.catalog().current().version(), 1);
    for info in node.catalog().current().shards() {
        let shard = Shard::new(info.shard_id(), node.opener.open(info).await.unwrap());
        assert_eq!(bucket_owner::all(&mut shard.read_all()).await.unwrap().len(), 2048);
    }
    node.stop().await;
    // After the shards had said who they are and before the catalog was begun.
    let cluster = Cluster::new();
    let node = cluster.start(Some(1)).await.unwrap();
    for sql in ["DELETE FROM topology", "DELETE FROM shard", "DELETE FROM bucket", "DELETE FROM id_block"] {
        execute(node.database(), sql).await;
    }
    let cluster_id = node.catalog().current().cluster_id().to_owned();
    node.stop().await;
    assert_eq!(cluster.start(None).await.unwrap().catalog().current().cluster_id(), cluster_id);
}

async fn two_routers_that_start_at_once_begin_one_cluster(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let (one, two) = tokio::join!(cluster.start(Some(2)), cluster.start(Some(2)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.catalog().current(), two.catalog().current());
    let (a, b) = tokio::join!(one.catalog().lease(1), two.catalog().lease(1));
    assert_ne!(a.unwrap().first, b.unwrap().first);
}

/// Prints how long the router's part of a start takes; the bar for the whole process is 100 ms, 40 ms with data.
#[tokio::test]
async fn a_start_takes_milliseconds() {
    for shards in [1, 4] {
        let cluster = Cluster::new();
        for what in ["new", "old"] {
            let began = Instant::now();
            let node = cluster.start(Some(shards)).await.unwrap();
            println!("{shards} shards, {what}: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
            node.stop().await;
        }
    }
}

/// R66: four databases instead of four files, and the same map.
#[tokio::test]
async fn a_new_cluster_begins_on_four_databases() {
    let cluster = Cluster::on_postgres().await;
    let node = cluster.start(Some(4)).await.unwrap();
    let topology = node.catalog().current();
    let names: Vec<_> = topology.shards().iter().map(|shard| shard.name.as_str()).collect();
    assert_eq!(names, ["shard-0", "shard-1", "shard-2", "shard-3"]);
    for info in topology.shards() {
        assert!(
            info.location.starts_with("postgres://127.0.0.1:") && !info.location.contains('@'),
            "{}",
            info.location
        );
        let shard = Shard::new(info.shard_id(), node.opener.open(info).await.unwrap());
        let rows = bucket_owner::all(&mut shard.read_all()).await.unwrap();
        assert_eq!(rows.len(), 1024);
        assert!(rows.iter().all(|row| row.bucket.0 % 4 == info.id && row.state == State::Owned));
    }
    let cluster_id = topology.cluster_id().to_owned();
    assert!(node.stop().await);
    // A later start may repeat the databases or name fewer: the catalog is right.
    let node = cluster.start(None).await.unwrap();
    assert_eq!((node.catalog().current().cluster_id(), node.catalog().current().shards().len()), (&*cluster_id, 4));
    node.stop().await;
    let refused = cluster.refused(Some(2)).await;
    assert!(refused.contains("has 4 shards") && refused.contains("says 2"), "{refused}");
}

testkit::on_both_engines! {
    two_routers_that_start_at_once_begin_one_cluster,
}
