//! Shards on real SQLite files, routed to by a real stream.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::{Bucket, Epoch, ShardId, UserId};
use runtime::shutdown::Shutdown;
use store::tables::bucket_owner::{self, OwnerRow, State};
use store::tables::inbox;
use store::{Engine, Shard, Written};
use store_sqlite::{Options, Sqlite};
use tempfile::TempDir;
use topology::{Opener, Owner, Parts, ShardState, Shards, SnapshotFile, Topology, Watch, identity};

use crate::fake_router::{Knowledge, Router, until};
use crate::samples::{parts, shard};

fn opener(folder: &Path) -> Opener {
    let folder = folder.to_owned();
    Opener::new(move |shard| {
        let opened = Sqlite::open(&Options::at(folder.join(&shard.location)));
        async move { Ok(opened? as Arc<dyn Engine>) }
    })
}

/// Makes a shard's file and gives it what it owns.
async fn prepare(opener: &Opener, parts: &Parts, id: u32) {
    let topology = Topology::new(parts.clone()).unwrap();
    let engine = identity::open(opener, topology.cluster_id(), &shard(id)).await.unwrap();
    let owned = topology.owned_buckets(ShardId(id)).into_iter().map(|own| (own.bucket, own.epoch)).collect();
    Shard::new(ShardId(id), engine).adopt(owned).await.unwrap();
}

/// Two shards and a router that knows them.
struct Stage {
    folder: TempDir,
    knowledge: Knowledge,
    router: Router,
    opener: Opener,
    shutdown: Shutdown,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opener = opener(folder.path());
        let parts = parts(1, 2);
        prepare(&opener, &parts, 0).await;
        prepare(&opener, &parts, 1).await;
        let knowledge = Knowledge::new(Topology::new(parts).unwrap());
        let router = Router::start(&knowledge).await;
        Self { folder, knowledge, router, opener, shutdown: Shutdown::new() }
    }

    async fn shards(&self) -> Shards {
        let file = SnapshotFile::at(self.folder.path().join("topology.json"));
        let watch = Watch::start(self.router.channel(), file, &self.shutdown).await.unwrap();
        Shards::open(watch, self.opener.clone(), &self.shutdown).await.unwrap()
    }

    /// The next version of the router's map.
    fn publish(&self, edit: impl FnOnce(&mut Parts)) {
        let mut parts = self.knowledge.topology.borrow().to_parts();
        edit(&mut parts);
        parts.version += 1;
        self.knowledge.topology.send_replace(Topology::new(parts).unwrap());
    }
}

async fn mark(shards: &Shards, key: u64, id: &'static str) -> store::Result<Written<bool>> {
    let user = UserId::new(key).unwrap();
    shards.write(user, move |tx| Box::pin(async move { inbox::consume(tx, id, 1, 2).await })).await
}

async fn has(shard: &Shard, bucket: u32, id: &str) -> bool {
    inbox::contains(&mut shard.read_all(), Bucket(bucket), id).await.unwrap()
}

/// Changes an owner row as a move does.
async fn own(shard: &Shard, bucket: u32, epoch: u64, state: State) {
    let (bucket, epoch) = (Bucket(bucket), Epoch(epoch));
    let after = OwnerRow { bucket, epoch, state, mover: None };
    let done = store::transact(&**shard.engine(), move |tx| {
        Box::pin(async move { bucket_owner::change(tx, bucket, |_| Ok(Some(after))).await })
    });
    done.await.unwrap();
}

#[tokio::test]
async fn a_write_lands_on_the_shard_that_owns_the_user() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    assert_eq!(mark(&shards, 12, "a").await.unwrap().position.shard, ShardId(0));
    assert_eq!(mark(&shards, 4096 + 13, "a").await.unwrap().position.shard, ShardId(1));
    let all = shards.all();
    assert!(has(&all[0], 12, "a").await && has(&all[1], 13, "a").await);
    assert!(!has(&all[0], 13, "a").await && !has(&all[1], 12, "a").await);
    let mut read = shards.read(Bucket(12)).unwrap();
    assert!(inbox::contains(&mut read, Bucket(12), "a").await.unwrap());
    assert_eq!(shards.owned_buckets(ShardId(1)).len(), 2048);
}

#[tokio::test]
async fn a_write_refused_as_moved_finds_the_new_shard_by_itself() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    let all = shards.all();
    own(&all[0], 12, 2, State::Gone).await;
    own(&all[1], 12, 2, State::Owned).await;
    stage.publish(|parts| parts.buckets[12] = Some(Owner(1, 2)));
    // Whether or not the stream was faster, the write succeeds, once, in the new place.
    assert_eq!(mark(&shards, 12, "a").await.unwrap().position.shard, ShardId(1));
    assert!(has(&all[1], 12, "a").await && !has(&all[0], 12, "a").await);
}

#[tokio::test]
async fn a_write_in_the_midst_of_a_move_is_told_so_and_changes_nothing() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    let all = shards.all();
    own(&all[0], 12, 2, State::Fenced).await;
    let refused = mark(&shards, 12, "a").await.unwrap_err();
    assert!(matches!(refused, store::Error::Moved { found: Some(Epoch(2)), .. }), "{refused}");
    assert!(!has(&all[0], 12, "a").await);
}

#[tokio::test]
async fn writes_and_reads_go_on_without_the_router() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    stage.router.kill();
    assert!(mark(&shards, 12, "a").await.unwrap().value);
    assert!(has(&shards.all()[0], 12, "a").await);
}

#[tokio::test]
async fn a_shard_that_joins_is_opened_and_one_that_leaves_is_closed() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    stage.publish(|parts| parts.shards.push(shard(2)));
    until("the third shard is open", || shards.all().len() == 3).await;
    let engine: Weak<dyn Engine> = Arc::downgrade(shards.get(ShardId(2)).unwrap().engine());
    stage.publish(|parts| parts.shards[2].state = ShardState::Removed);
    until("the third shard is closed", || engine.upgrade().is_none()).await;
    assert_eq!(shards.every().unwrap().len(), 2);
}

#[tokio::test]
async fn a_new_shard_that_does_not_open_makes_only_its_own_buckets_unavailable() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    let blocked = stage.folder.path().join(shard(2).location);
    std::fs::create_dir(&blocked).unwrap();
    stage.publish(|parts| {
        parts.shards.push(shard(2));
        parts.buckets[12] = Some(Owner(2, 2));
    });
    until("the map is in force", || shards.topology().version() == 2).await;
    assert!(matches!(shards.read(Bucket(12)), Err(store::Error::Unavailable(_))));
    assert!(matches!(shards.every(), Err(store::Error::Unavailable(_))));
    assert_eq!(shards.all().len(), 2);
    assert!(mark(&shards, 14, "a").await.is_ok());
    // It is tried again; a write waits for it.
    std::fs::remove_dir(&blocked).unwrap();
    let mut new = parts(1, 3);
    new.buckets.fill(Some(Owner(0, 1)));
    new.buckets[12] = Some(Owner(2, 2));
    prepare(&stage.opener, &new, 2).await;
    until("the shard is open", || shards.get(ShardId(2)).is_some()).await;
    assert_eq!(mark(&shards, 12, "a").await.unwrap().position.shard, ShardId(2));
}

#[tokio::test]
async fn a_foreign_shard_file_is_refused_with_both_identities() {
    let stage = Stage::new().await;
    let mut other = parts(1, 2);
    other.cluster_id = "cluster-b".to_owned();
    let knowledge = Knowledge::new(Topology::new(other).unwrap());
    let router = Router::start(&knowledge).await;
    let file = SnapshotFile::at(stage.folder.path().join("b.json"));
    let watch = Watch::start(router.channel(), file, &stage.shutdown).await.unwrap();
    let refused = Shards::open(watch, stage.opener.clone(), &stage.shutdown).await.unwrap_err().to_string();
    // Both are foreign; whichever is found first is named.
    for part in ["local-", "cluster-a", "cluster-b", "shard-"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[tokio::test]
async fn an_emptied_shard_is_refused() {
    let stage = Stage::new().await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(stage.folder.path().join(format!("local-1.db{suffix}")));
    }
    let watch = Watch::start(
        stage.router.channel(),
        SnapshotFile::at(stage.folder.path().join("topology.json")),
        &stage.shutdown,
    );
    let refused = Shards::open(watch.await.unwrap(), opener(stage.folder.path()), &stage.shutdown).await.unwrap_err();
    assert!(matches!(refused, topology::Error::Lost { .. }) && refused.to_string().contains("local-1"), "{refused}");
}

#[tokio::test]
async fn one_opener_opens_each_database_once() {
    let stage = Stage::new().await;
    let info = shard(0);
    let (one, two) = tokio::join!(stage.opener.open(&info), stage.opener.open(&info));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    let shards = stage.shards().await;
    assert!(Arc::ptr_eq(shards.get(ShardId(0)).unwrap().engine(), &one));
}

#[tokio::test]
async fn changes_are_told() {
    let stage = Stage::new().await;
    let shards = stage.shards().await;
    let mut changed = shards.changed();
    stage.publish(|parts| parts.buckets[12] = Some(Owner(1, 2)));
    tokio::time::timeout(Duration::from_secs(10), changed.wait()).await.unwrap();
    assert_eq!(shards.topology().version(), 2);
}
