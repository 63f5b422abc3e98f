//! The topology library on a real router: the whole way from a key to a row, through changes and restarts of the router.

use model::{Bucket, Epoch, ShardId, UserId};
use store::Shard;
use store::tables::bucket_owner::{self, OwnerRow, State};
use store::tables::inbox;
use topology::{EngineKind, Owner, ShardInfo, Shards, SnapshotFile, UserIds, Watch};

use crate::cluster::{Cluster, Node, until};

pub async fn shards(cluster: &Cluster, node: &Node) -> Shards {
    let file = SnapshotFile::at(cluster.path().join("topology.json"));
    let watch = Watch::start(node.channel.clone(), file, node.shutdown()).await.unwrap();
    Shards::open(watch, node.opener.clone(), node.shutdown()).await.unwrap()
}

async fn write(shards: &Shards, user: UserId, id: String) -> ShardId {
    let written = shards.write(user, move |tx| Box::pin(async move { inbox::consume(tx, &id, 1, 2).await })).await;
    let written = written.unwrap();
    assert!(written.value);
    written.position.shard
}

/// R66: ids from the router, each in its own shard.
#[tokio::test]
async fn users_land_on_the_shard_of_their_id() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(4)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    let ids = UserIds::new(node.channel.clone(), 7, node.shutdown());
    for number in 1..=20u64 {
        let user = ids.next().await.unwrap();
        assert_eq!(user.get(), number);
        assert_eq!(u64::from(write(&shards, user, "a".to_owned()).await.0), number % 4);
    }
}

async fn set_owner(shard: &Shard, to: OwnerRow) {
    let done = store::transact(&**shard.engine(), move |tx| {
        Box::pin(async move { bucket_owner::change(tx, to.bucket, |_| Ok(Some(to))).await })
    });
    done.await.unwrap();
}

#[tokio::test]
async fn writers_follow_a_bucket_that_changes_hands_again_and_again() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    let user = UserId::new(12).unwrap();
    let all = shards.all();
    for epoch in 2..12u64 {
        let (from, to) = ((epoch % 2) as usize, ((epoch + 1) % 2) as usize);
        let row = |state| OwnerRow { bucket: Bucket(12), epoch: Epoch(epoch), state, mover: None };
        set_owner(&all[from], row(State::Gone)).await;
        set_owner(&all[to], row(State::Owned)).await;
        let owner = Owner(u32::try_from(to).unwrap(), epoch);
        node.catalog().change(epoch - 1, |parts| parts.buckets[12] = Some(owner)).await.unwrap();
        assert_eq!(write(&shards, user, format!("epoch {epoch}")).await.0, owner.0);
    }
}

#[tokio::test]
async fn a_pin_and_a_new_shard_are_followed() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    let added = ShardInfo::new(2, "third".to_owned(), EngineKind::Sqlite, "shards/third.db".to_owned());
    node.catalog().change(1, |parts| parts.shards.push(added)).await.unwrap();
    until("the new shard is open", || shards.get(ShardId(2)).is_some()).await;
    let private = OwnerRow { bucket: Bucket(4096), epoch: Epoch(1), state: State::Owned, mover: None };
    set_owner(&shards.get(ShardId(2)).unwrap(), private).await;
    let isolate = node.catalog().change(2, |parts| {
        parts.buckets.push(Some(Owner(2, 1)));
        parts.pins.insert(12, 4096);
    });
    isolate.await.unwrap();
    until("the pin is known", || shards.topology().version() == 3).await;
    assert_eq!(write(&shards, UserId::new(12).unwrap(), "a".to_owned()).await, ShardId(2));
    assert_eq!(write(&shards, UserId::new(12 + 4096).unwrap(), "a".to_owned()).await, ShardId(0));
}
