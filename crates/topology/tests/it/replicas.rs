//! Reads from replicas, on engines that say of themselves what the test wants; real ones are in `user-service` and `store-postgres`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use api::position::Position;
use model::{Bucket, Epoch, ShardId};
use runtime::shutdown::Shutdown;
use store::{BoxFuture, Commit, Dialect, Engine, Error, Progress, Query, Result, Row, Shard, Stats, Value, Work};
use store_sqlite::{Options, Sqlite};
use tempfile::TempDir;
use topology::{Opener, ReplicaSettings, ShardInfo, Shards, SnapshotFile, Topology, Watch, identity};

use crate::fake_router::{Knowledge, Router, until};
use crate::samples::{parts, shard};

/// A file that says it is a PostgreSQL server of its own.
struct Staged {
    file: Arc<dyn Engine>,
    progress: Mutex<Progress>,
    fails: AtomicBool,
    reads: AtomicU64,
}

impl Staged {
    fn at(&self, log: u64) {
        self.progress.lock().unwrap().log = log;
    }
}

impl Engine for Staged {
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>> {
        self.file.write(work)
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        if self.fails.load(Ordering::Relaxed) {
            return Box::pin(async { Err(Error::Unavailable("it fails".to_owned())) });
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.file.query(sql, params)
    }

    fn progress(&self) -> BoxFuture<'_, Result<Progress>> {
        let failed = self.fails.load(Ordering::Relaxed).then(|| Error::Unavailable("it fails".to_owned()));
        let progress = *self.progress.lock().unwrap();
        Box::pin(async move { failed.map_or(Ok(progress), Err) })
    }

    fn name(&self) -> &str {
        self.file.name()
    }

    fn dialect(&self) -> &'static Dialect {
        self.file.dialect()
    }

    fn stats(&self) -> Stats {
        self.file.stats()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.file.close()
    }
}

/// One shard with one replica. The primary owns all buckets, the replica knows of those below 100.
struct Stage {
    primary: Arc<Staged>,
    replica: Arc<Staged>,
    shards: Shards,
    shutdown: Shutdown,
    _router: Router,
    _folder: TempDir,
}

const REPLICA: &str = "replica.db";

impl Stage {
    async fn new(settings: ReplicaSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (home, staged) = (folder.path().to_owned(), Arc::new(Mutex::new(HashMap::new())));
        let open = {
            let staged = Arc::clone(&staged);
            move |location: String, is_replica: bool| {
                let progress = Progress { server: 7, is_replica, role_epoch: 1, log: 100 };
                let opened = Sqlite::open(&Options::at(home.join(&location))).map(|file| {
                    let fails = AtomicBool::new(false);
                    Arc::new(Staged { file, progress: Mutex::new(progress), fails, reads: AtomicU64::new(0) })
                });
                if let Ok(engine) = &opened {
                    staged.lock().unwrap().insert(is_replica, Arc::clone(engine));
                }
                opened
            }
        };
        let open_replica = open.clone();
        let opener = Opener::new(move |shard| {
            let made = open(shard.location, false);
            async move { Ok(made? as Arc<dyn Engine>) }
        });
        let opener = opener.with_replicas(settings, move |_, location| {
            let made = open_replica(location, true);
            async move { Ok(made? as Arc<dyn Engine>) }
        });
        let mut parts = parts(1, 1);
        prepare(&opener, &ShardInfo { location: REPLICA.to_owned(), ..shard(0) }, 100).await;
        prepare(&opener, &shard(0), 4096).await;
        parts.shards[0].replicas = vec![REPLICA.to_owned()];
        let router = Router::start(&Knowledge::new(Topology::new(parts).unwrap())).await;
        let shutdown = Shutdown::new();
        let file = SnapshotFile::at(folder.path().join("topology.json"));
        let watch = Watch::start(router.channel(), file, &shutdown).await.unwrap();
        let shards = Shards::open(watch, opener, &shutdown).await.unwrap();
        until("the replica is opened", || staged.lock().unwrap().contains_key(&true)).await;
        let known = |is_replica| staged.lock().unwrap()[&is_replica].clone();
        let (primary, replica) = (known(false), known(true));
        let stage = Self { primary, replica, shards, shutdown, _router: router, _folder: folder };
        stage.until_it_serves().await;
        stage
    }

    async fn on_replica(&self, bucket: u32, seen: &[Position]) -> bool {
        self.shards.show(Bucket(bucket), seen).await.unwrap().on_replica
    }

    async fn until_it_serves(&self) {
        for _ in 0..2_000 {
            if self.on_replica(12, &[]).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("never: the replica is read from");
    }
}

async fn prepare(opener: &Opener, info: &ShardInfo, buckets: u32) {
    let engine = identity::open(opener, "cluster-a", info).await.unwrap();
    let owned = (0..buckets).map(|bucket| (Bucket(bucket), Epoch(1))).collect();
    Shard::new(ShardId(0), engine).adopt(owned).await.unwrap();
}

fn seen(log: u64) -> [Position; 1] {
    [Position { shard: ShardId(0), role_epoch: 1, log }]
}

// A bucket that has moved here is shown by a replica only once that has replayed its arrival, and with it all its rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_has_not_yet_got_a_bucket_is_not_asked_for_it() {
    let stage = Stage::new(ReplicaSettings::default()).await;
    assert!(!stage.on_replica(200, &[]).await);
    assert!(stage.on_replica(12, &[]).await);
    let arrival = Shard::new(ShardId(0), Arc::clone(&stage.replica.file));
    arrival.adopt(vec![(Bucket(200), Epoch(1))]).await.unwrap();
    assert!(stage.on_replica(200, &[]).await);
    // It does not forget, nor is it asked again for what it was seen to have.
    let before = stage.replica.reads.load(Ordering::Relaxed);
    assert!(stage.on_replica(200, &[]).await);
    assert_eq!(stage.replica.reads.load(Ordering::Relaxed), before);
    stage.shutdown.soft.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_waits_for_a_replica_that_is_about_to_have_what_was_written() {
    // Asked seldom: who waits has it asked at once.
    let stage = Stage::new(ReplicaSettings { poll_ms: 1_000, ..ReplicaSettings::default() }).await;
    let mut waited = false;
    for round in 1..=20 {
        stage.replica.at(100 + round);
        waited |= stage.on_replica(12, &seen(100 + round)).await;
    }
    assert!(waited, "twenty readers waited half a second each for what the replica had");
    // What it never gets is read on the primary.
    let shown = stage.shards.show(Bucket(12), &seen(u64::MAX)).await.unwrap();
    assert!(!shown.on_replica);
    // Another reign is none of its business.
    assert!(!stage.on_replica(12, &[Position { role_epoch: 2, ..seen(1)[0] }]).await);
    stage.shutdown.soft.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_on_a_replica_is_answered_by_the_primary_and_the_replica_is_left() {
    let stage = Stage::new(ReplicaSettings::default()).await;
    let mut shown = stage.shards.show(Bucket(12), &[]).await.unwrap();
    assert!(shown.on_replica);
    stage.replica.fails.store(true, Ordering::Relaxed);
    let before = stage.primary.reads.load(Ordering::Relaxed);
    let rows = shown.read.query("SELECT bucket FROM bucket_owner WHERE bucket = $1", &[Value::from(200_u64)]).await;
    assert_eq!(rows.unwrap().len(), 1, "only the primary has it");
    assert_eq!(stage.primary.reads.load(Ordering::Relaxed), before + 1);
    assert!(!stage.on_replica(12, &[]).await);
    stage.replica.fails.store(false, Ordering::Relaxed);
    stage.until_it_serves().await;
    stage.shutdown.soft.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_replica_of_the_primary_is_not_read_from() {
    let stage = Stage::new(ReplicaSettings::default()).await;
    for wrong in [
        Progress { server: 7, is_replica: false, role_epoch: 1, log: 100 },
        Progress { server: 8, is_replica: true, role_epoch: 1, log: 100 },
        Progress { server: 7, is_replica: true, role_epoch: 2, log: 100 },
    ] {
        let right = *stage.replica.progress.lock().unwrap();
        *stage.replica.progress.lock().unwrap() = wrong;
        let mut left = false;
        for _ in 0..2_000 {
            left |= !stage.on_replica(12, &[]).await;
            if left {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(left, "{wrong:?}");
        *stage.replica.progress.lock().unwrap() = right;
        stage.until_it_serves().await;
    }
    stage.shutdown.soft.cancel();
}
