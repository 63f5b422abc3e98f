//! A celebrity's pictures split over partitions while it uploads and deletes, and put together again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::growth::v1::{
    Control, ControlMovesRequest, IsolateUserRequest, ListShardsRequest, PartitionUserRequest, Plan, ReturnUserRequest,
    UnpartitionUserRequest, VerifyRequest,
};
use model::image::{Image, ImageStatus, Source};
use model::{Bucket, ImageId, UserId};
use store::tables::images::{self, ImageRow};
use store::{copies, transfer};
use testkit::engines::ShardEngine::{self, Postgres, Sqlite};
use tokio_util::task::TaskTracker;
use topology::{Key, Shards};

use crate::client::shards;
use crate::cluster::{Cluster, Node};
use crate::growth::{add, drain, ended, move_bucket, refusal, step_of, until_step};
use crate::ledger::{settle, user};

async fn isolate(node: &Node, user: UserId) {
    let request = IsolateUserRequest { user_id: user.get(), to: String::new(), dry_run: false };
    node.growth().isolate_user(request).await.unwrap();
    assert_eq!(ended(node).await, 0);
}

fn split(user: UserId, into: u32, over: &[&str]) -> PartitionUserRequest {
    let over = over.iter().map(|name| (*name).to_owned()).collect();
    PartitionUserRequest { user_id: user.get(), into, over, rebuild: false, dry_run: false }
}

async fn partition(node: &Node, request: PartitionUserRequest) -> Plan {
    node.growth().partition_user(request).await.unwrap().into_inner().plan.unwrap()
}

async fn faults(node: &Node) -> Vec<String> {
    node.growth().verify(VerifyRequest { deep: false }).await.unwrap().into_inner().faults
}

fn picture(user: UserId, n: u64) -> ImageRow {
    let id = ImageId::from_bytes(u128::from(n).to_be_bytes());
    let source = Source { key: format!("{id}-x"), width: 1, height: 1, bytes: 1, format: "png".to_owned() };
    let image = Image {
        user_id: user,
        status: ImageStatus::Done,
        attempts: 1,
        error: None,
        source,
        variants: Vec::new(),
        created_at_ms: 1,
        finished_at_ms: Some(2),
        request_json: "{}".to_owned(),
        id,
    };
    ImageRow { version: 3, image }
}

/// What a service does: changes the truth, then tells of it, by whatever map it has by then.
async fn finish(shards: &Shards, user: UserId, n: u64) {
    let row = picture(user, n);
    let id = row.image.id.clone();
    let made = shards.write(user, move |tx| Box::pin(async move { images::insert(tx, &row).await }));
    assert!(made.await.unwrap().value);
    tell(shards, user, &id).await;
}

async fn remove(shards: &Shards, user: UserId, n: u64) {
    let id = picture(user, n).image.id;
    let gone = id.clone();
    let removed = shards.write(user, move |tx| Box::pin(async move { images::remove(tx, user, &gone).await }));
    assert!(removed.await.unwrap().value.is_some());
    tell(shards, user, &id).await;
}

async fn tell(shards: &Shards, user: UserId, id: &ImageId) {
    while let Err(error) = try_tell(shards, user, id).await {
        assert!(matches!(error, store::Error::Moved { .. } | store::Error::Unavailable(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(2)).await;
        shards.refresh().await;
    }
}

async fn try_tell(shards: &Shards, user: UserId, id: &ImageId) -> store::Result<()> {
    let topology = shards.topology();
    let place = topology.locate(user);
    let mut read = shards.all()[place.shard.0 as usize].read(place.ownership());
    let row = images::get(&mut read, place.bucket, user, id).await?;
    read.still_owned().await?;
    let Some(partitions) = topology.partitions_of(user) else { return Ok(()) };
    let (id, key) = (id.clone(), Key::Partition(user, partitions.of(id)));
    let told = shards.write(key, move |tx| {
        Box::pin(async move {
            match &row {
                Some(row) => copies::put(tx, row).await,
                None => copies::remove(tx, user, &id, model::time::now_ms()).await,
            }
        })
    });
    told.await.map(drop)
}

/// What the user's own bucket has, and what its partitions have together.
async fn sides(shards: &Shards, user: UserId) -> (BTreeSet<ImageId>, BTreeSet<ImageId>) {
    let topology = shards.topology();
    let read = async |bucket: Bucket| {
        let mut read = shards.read(bucket).unwrap();
        let rows = images::page(&mut read, bucket, user, None, true, 10_000).await.unwrap();
        rows.into_iter().map(|row| row.image.id).collect::<BTreeSet<_>>()
    };
    let own = read(topology.locate(user).bucket).await;
    let (mut all, mut count) = (BTreeSet::new(), 0);
    for bucket in topology.partitions_of(user).unwrap().iter() {
        let some = read(bucket).await;
        count += some.len();
        all.extend(some);
    }
    assert_eq!(count, all.len(), "each in one partition");
    (own, all)
}

async fn until_known(node: &Node, shards: &Shards) {
    let version = node.catalog().current().version();
    while shards.topology().version() < version {
        shards.refresh().await;
    }
}

/// Uploads and deletes until told to stop: how many it made.
async fn live(shards: Shards, star: UserId, stop: Arc<AtomicBool>) -> u64 {
    let mut n = 1000;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        finish(&shards, star, n).await;
        if n % 3 == 0 {
            remove(&shards, star, n - 1).await;
        }
        // Of those that were there before.
        if n % 5 == 0 && n / 5 > 200 && n / 5 - 200 <= 150 {
            remove(&shards, star, n / 5 - 200).await;
        }
    }
    n - 1000
}

// R70: pictures that are finished or removed while the partitions are filled are neither missing nor there again.
/// An isolated user with so many finished pictures.
async fn star_with_pictures(node: &Node, shards: &Shards, many: u64) -> UserId {
    let star = user(1);
    isolate(node, star).await;
    for n in 1..=many {
        finish(shards, star, n).await;
    }
    star
}

async fn split_and_put_together(from: ShardEngine, to: ShardEngine) {
    let mut cluster = Cluster::on(from).await;
    cluster.moves.page_rows = 16;
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    add(&node, to.new_location("star").await.unwrap(), "star").await;
    let star = star_with_pictures(&node, &shards, 200).await;
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = TaskTracker::new();
    let living = tasks.spawn(live(shards.clone(), star, Arc::clone(&stop)));
    let before = node.catalog().current().locate(star);
    let second = node.catalog().current().shards()[1].name.clone();
    let plan = partition(&node, split(star, 4, &["star", &second])).await;
    assert_eq!((plan.buckets, plan.transfers.len()), (4, 2));
    assert_eq!(ended(&node).await, 0);
    let map = node.catalog().current();
    assert!(map.partitions_of(star).unwrap().shown);
    // Who has heard of a picture and knows of no partitions is refused, or had read before the filling began.
    let late = shards.all()[before.shard.0 as usize].read(before.ownership()).still_owned().await;
    assert!(matches!(late, Err(store::Error::Moved { .. })), "{late:?}");
    assert_eq!(faults(&node).await, Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let made = living.await.unwrap();
    until_known(&node, &shards).await;
    let (own, copied) = sides(&shards, star).await;
    println!("{from:?} and {to:?}: {made} pictures meanwhile, {} in all", own.len());
    assert_eq!(own, copied);
    let answer = node.growth().verify(VerifyRequest { deep: false }).await.unwrap().into_inner();
    assert_eq!((answer.copies, answer.faults), (own.len() as u64, Vec::<String>::new()));
    let listed = node.growth().list_shards(ListShardsRequest::default()).await.unwrap().into_inner().isolated;
    let places: Vec<_> = listed[0].partitions.iter().map(|part| (part.bucket, part.shard.as_str())).collect();
    assert_eq!(places, [(4097, "star"), (4098, &*second), (4099, "star"), (4100, &*second)]);
    assert!(listed[0].partitions_shown);

    // A drain takes partitions along like any bucket, and they go on to be kept.
    drain(&node, "star").await;
    assert_eq!(ended(&node).await, 0);
    finish(&shards, star, 9_000).await;
    until_known(&node, &shards).await;
    let (own, copied) = sides(&shards, star).await;
    assert_eq!(own, copied);
    assert_eq!(faults(&node).await, Vec::<String>::new());

    // With partitions nobody goes home; without them nothing is left.
    let back = ReturnUserRequest { user_id: star.get(), dry_run: false };
    let refused = refusal(node.growth().return_user(back)).await;
    assert!(refused.contains(&format!("myriad user unpartition {}", star.get())), "{refused}");
    let end = UnpartitionUserRequest { user_id: star.get(), dry_run: false };
    node.growth().unpartition_user(end).await.unwrap();
    assert_eq!(ended(&node).await, 0);
    assert_eq!(faults(&node).await, Vec::<String>::new());
    for shard in shards.all() {
        let rows = transfer::by_bucket(&**shard.engine()).await.unwrap();
        assert!(rows.iter().all(|(bucket, _)| bucket.0 <= 4096), "{rows:?}");
    }
    node.growth().return_user(back).await.unwrap();
    assert_eq!(ended(&node).await, 0);
    assert_eq!(faults(&node).await, Vec::<String>::new());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_celebritys_pictures_are_split_over_files_while_it_goes_on() {
    split_and_put_together(Sqlite, Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_celebritys_pictures_are_split_over_postgres_while_it_goes_on() {
    split_and_put_together(Postgres, Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_celebritys_pictures_are_split_over_a_file_and_a_postgres_while_it_goes_on() {
    split_and_put_together(Sqlite, Postgres).await;
}

// A router that dies on the way leaves it to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_come_and_go_while_routers_are_killed_at_any_moment() {
    let mut cluster = Cluster::on_postgres().await;
    cluster.moves.page_rows = 16;
    let node = cluster.start(Some(2)).await.unwrap();
    let mut router = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let star = star_with_pictures(&node, &shards, 200).await;
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = TaskTracker::new();
    let living = tasks.spawn(live(shards.clone(), star, Arc::clone(&stop)));
    for round in 0..10u64 {
        node.catalog().catch_up().await.unwrap();
        if node.catalog().current().partitions_of(star).is_some() {
            let end = UnpartitionUserRequest { user_id: star.get(), dry_run: false };
            let _ = node.growth().unpartition_user(end).await;
        } else {
            let _ = node.growth().partition_user(split(star, 3, &["shard-0", "shard-1"])).await;
        }
        tokio::time::sleep(Duration::from_millis(10 + round * 37 % 120)).await;
        router.kill().await;
        router = cluster.start(Some(2)).await.unwrap();
    }
    ended(&node).await;
    node.catalog().catch_up().await.unwrap();
    if node.catalog().current().partitions_of(star).is_none() {
        partition(&node, split(star, 3, &["shard-0", "shard-1"])).await;
        ended(&node).await;
    }
    stop.store(true, Ordering::Relaxed);
    living.await.unwrap();
    node.catalog().catch_up().await.unwrap();
    until_known(&node, &shards).await;
    let (own, copied) = sides(&shards, star).await;
    assert_eq!(own, copied);
    assert_eq!(faults(&node).await, Vec::<String>::new());
    router.stop().await;
    node.stop().await;
}

// The twin: what is lost, left over or changed among the copies is told, and mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_drifted_are_named_and_mended() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let shards = shards(&cluster, &node).await;
    settle(&shards).await;
    let star = user(1);
    isolate(&node, star).await;
    for n in 1..=20 {
        finish(&shards, star, n).await;
    }
    partition(&node, split(star, 2, &["local-0", "local-1"])).await;
    assert_eq!(ended(&node).await, 0);
    until_known(&node, &shards).await;
    let partitions = shards.topology().partitions_of(star).unwrap().clone();
    let sabotage = async |n: u64, work: fn(ImageRow) -> (Option<ImageId>, Option<ImageRow>)| {
        let row = picture(star, n);
        let key = Key::Partition(star, partitions.of(&row.image.id));
        let (gone, there) = work(row);
        let done = shards.write(key, move |tx| {
            Box::pin(async move {
                if let Some(id) = &gone {
                    images::remove(tx, star, id).await?;
                }
                if let Some(row) = &there {
                    images::insert(tx, row).await?;
                }
                Ok(())
            })
        });
        done.await.unwrap();
    };
    sabotage(3, |row| (Some(row.image.id), None)).await;
    sabotage(4, |row| (Some(row.image.id.clone()), Some(ImageRow { version: 9, ..row }))).await;
    sabotage(99, |row| (None, Some(row))).await;
    let told = faults(&node).await;
    let about = |n: u64, what: &str| {
        let id = picture(star, n).image.id;
        told.iter().any(|fault| fault.contains(&format!("picture {id} of user {} {what}", star.get())))
    };
    assert!(
        about(3, "is missing") && about(4, "is not as the user has it") && about(99, "is no longer to be"),
        "{told:?}"
    );
    assert_eq!(told.len(), 3);
    partition(&node, PartitionUserRequest { rebuild: true, ..split(star, 0, &[]) }).await;
    assert_eq!(ended(&node).await, 0);
    assert_eq!(faults(&node).await, Vec::<String>::new());
    until_known(&node, &shards).await;
    let (own, copied) = sides(&shards, star).await;
    assert_eq!((own.len(), own), (20, copied));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_split_is_refused_with_what_to_do() {
    let mut cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let writes = shards(&cluster, &node).await;
    settle(&writes).await;
    let star = user(1);
    let mut growth = node.growth();
    let shared = refusal(growth.partition_user(split(star, 4, &[]))).await;
    assert!(shared.contains("myriad user isolate 90"), "{shared}");
    isolate(&node, star).await;
    for (request, words) in [
        (split(star, 1, &[]), "2 to 64"),
        (split(star, 65, &[]), "2 to 64"),
        (split(star, 4, &["nowhere"]), "there is no shard nowhere"),
        (PartitionUserRequest { rebuild: true, ..split(star, 0, &[]) }, "has no partitions"),
    ] {
        let refused = refusal(growth.partition_user(request)).await;
        assert!(refused.contains(words), "{refused}");
    }
    let version = node.catalog().current().version();
    let dry = partition(&node, PartitionUserRequest { dry_run: true, ..split(star, 4, &["local-1"]) }).await;
    assert_eq!((dry.operation.as_str(), dry.buckets, node.catalog().current().version()), ("", 4, version));
    node.stop().await;

    // Nobody does it here: it is waited for, or cancelled, and then all is as before.
    cluster.moves.parallel = 0;
    let node = cluster.start(None).await.unwrap();
    let operation = partition(&node, split(star, 4, &["local-1"])).await.operation;
    let mut growth = node.growth();
    assert_eq!(step_of(&node, &operation).await.0, "log");
    assert_eq!(node.catalog().current().partitions_of(star), None, "nobody is led there before it is begun");
    let busy = IsolateUserRequest { user_id: 90, to: "local-1".into(), dry_run: true };
    let busy = refusal(growth.isolate_user(busy)).await;
    assert!(busy.contains(&operation), "{busy}");
    let cancel = ControlMovesRequest { control: Control::Cancel.into(), id: 0, operation: operation.clone() };
    growth.control_moves(cancel).await.unwrap();
    node.stop().await;
    cluster.moves.parallel = 1;
    let node = cluster.start(None).await.unwrap();
    until_step(&node, &operation, "undone").await;
    assert_eq!(faults(&node).await, Vec::<String>::new());
    partition(&node, split(star, 2, &["local-1"])).await;
    assert_eq!(ended(&node).await, 1, "the one that was cancelled");
    let map = node.catalog().current();
    assert_eq!(map.partitions_of(star).unwrap().buckets, [4101, 4102], "numbers are not given out again");
    let again = refusal(node.growth().partition_user(split(star, 4, &[]))).await;
    assert!(again.contains("--rebuild") && again.contains("user unpartition 90"), "{again}");
    // The user's own bucket moves, and one of its partitions.
    move_bucket(&node, 4101, "local-0").await;
    move_bucket(&node, 4096, "local-1").await;
    assert_eq!(ended(&node).await, 1);
    let shards = shards(&cluster, &node).await;
    finish(&shards, star, 1).await;
    let (own, copied) = sides(&shards, star).await;
    assert_eq!((own.len(), own), (1, copied));
    assert_eq!(faults(&node).await, Vec::<String>::new());
    node.stop().await;
}
