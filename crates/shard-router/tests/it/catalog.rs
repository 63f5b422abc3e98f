//! Changes of the topology: compared and set.

use futures::future::join_all;
use shard_router::{Error, Refused};
use testkit::engines::ShardEngine;
use topology::{Invalid, Owner, ShardState};

use crate::cluster::{Cluster, until};

async fn of_two_changes_at_once_one_wins_and_the_other_learns_the_version(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(Some(2)).await.unwrap();
    let (one, two) = tokio::join!(
        node.catalog().change(1, |parts| parts.buckets[12] = Some(Owner(1, 2))),
        node.catalog().change(1, |parts| parts.buckets[14] = Some(Owner(1, 2))),
    );
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(won.unwrap().version(), 2);
    assert!(matches!(lost, Err(Error::Stale { expected: 1, found: 2 })), "{lost:?}");
    assert_eq!(node.catalog().current().version(), 2);
}

async fn two_routers_on_one_catalog_never_both_win_and_learn_from_each_other(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let (one, two) = (cluster.start(Some(2)).await.unwrap(), cluster.start(None).await.unwrap());
    let mut wins = 0;
    for round in 0..20u64 {
        let version = one.catalog().current().version().max(two.catalog().current().version());
        let edit = |shard| move |parts: &mut topology::Parts| parts.buckets[12] = Some(Owner(shard, round + 2));
        let both = [one.catalog(), two.catalog()].into_iter().zip([0, 1]);
        let tried = join_all(both.map(|(catalog, shard)| catalog.change(version, edit(shard)))).await;
        let won = tried.iter().filter(|tried| tried.is_ok()).count();
        assert!(won <= 1, "{tried:?}");
        wins += won;
    }
    assert!(wins >= 10, "{wins}");
    until("both have the newest", || one.catalog().current() == two.catalog().current()).await;
    assert_eq!(one.catalog().current().version(), 1 + u64::try_from(wins).unwrap());
}

async fn changes_survive_a_restart(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(Some(2)).await.unwrap();
    let changed = node.catalog().change(1, |parts| {
        parts.buckets.push(Some(Owner(1, 1)));
        parts.pins.insert(12, 4096);
        parts.shards[0].weight = 3;
        parts.shards[0].state = ShardState::Draining;
        parts.shards[0].replicas.push("secret:replica".to_owned());
    });
    let changed = changed.await.unwrap();
    node.stop().await;
    let node = cluster.start(None).await.unwrap();
    assert_eq!(node.catalog().current(), changed);
    // The pin passes to another user and the bucket ends, its number with it.
    node.catalog().change(2, |parts| parts.pins = [(13, 4096)].into()).await.unwrap();
    let ended = node.catalog().change(3, |parts| {
        parts.pins.clear();
        parts.buckets[4096] = None;
    });
    ended.await.unwrap();
    node.stop().await;
    let node = cluster.start(None).await.unwrap();
    let again = node.catalog().change(4, |parts| parts.buckets[4096] = Some(Owner(1, 1))).await;
    assert!(matches!(again, Err(Error::Refused(Refused::Epoch(4096)))), "{again:?}");
}

async fn a_change_that_breaks_a_rule_is_refused_and_changes_nothing(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(Some(2)).await.unwrap();
    let refused = [
        node.catalog().change(1, |parts| parts.buckets[12] = Some(Owner(1, 1))).await,
        node.catalog().change(1, |parts| parts.buckets[12] = Some(Owner(9, 2))).await,
        node.catalog().change(1, |parts| parts.shards[1].state = ShardState::Removed).await,
        node.catalog().change(1, |parts| parts.cluster_id.clear()).await,
    ];
    assert!(matches!(
        refused,
        [
            Err(Error::Refused(Refused::Epoch(12))),
            Err(Error::Refused(Refused::Invalid(Invalid::UnknownShard(12, 9)))),
            Err(Error::Refused(Refused::Invalid(Invalid::UnknownShard(1, 1)))),
            Err(Error::Refused(Refused::ClusterId)),
        ]
    ));
    assert_eq!(node.catalog().current().version(), 1);
}

testkit::on_both_engines! {
    of_two_changes_at_once_one_wins_and_the_other_learns_the_version,
    two_routers_on_one_catalog_never_both_win_and_learn_from_each_other,
    changes_survive_a_restart,
    a_change_that_breaks_a_rule_is_refused_and_changes_nothing,
}
