//! A celebrity whose pictures strangers read from partitions: what they see, what it costs whom, and what happens where a shard is away.

use std::time::Duration;

use api::{
    image::v1::{DeleteImageRequest, GetImageRequest, Image, ListImagesRequest},
    position,
};
use model::{Bucket, ImageId, ShardId, UserId, time::now_ms};
use store::{
    copies,
    tables::images::{self, ImageRow},
};
use testkit::engines::ShardEngine;
use tonic::Request;
use topology::{Key, Owner, Partitions, Topology};
use user_service::copies::Copies;

use crate::{
    feed::finished,
    images::image_id,
    router::map,
    world::{World, eventually, ok},
};

/// Who is asked for by all: the first who signs up.
const STAR: u64 = 1;
const HOME: u32 = 4096;

/// Three shards; the first has the user's own bucket, the two others have two of its partitions each.
async fn world(engine: ShardEngine) -> World {
    let mut parts = map(engine, 3).await.to_parts();
    parts.buckets.extend([0, 1, 2, 1, 2].map(|shard| Some(Owner(shard, 1))));
    parts.pins.insert(STAR, HOME);
    parts.partitions.insert(STAR, Partitions { buckets: vec![4097, 4098, 4099, 4100], shown: true });
    let world = World::on(Topology::new(parts).unwrap(), engines::ReplicaSettings::default(), |_| {}).await;
    world.run();
    assert_eq!(world.sign_up("star@example.com").await.id, STAR);
    world
}

fn star() -> UserId {
    UserId::new(STAR).unwrap()
}

async fn page(
    world: &World,
    before: &str,
    limit: u32,
    done_only: bool,
    seen: &[position::Position],
) -> (Vec<Image>, bool) {
    let message = ListImagesRequest { user_id: STAR, limit, before_image_id: before.to_owned(), done_only };
    let mut request = Request::new(message);
    if !seen.is_empty() {
        let text: Vec<String> = seen.iter().map(|at| format!("{}:{}:{}", at.shard, at.role_epoch, at.log)).collect();
        request.metadata_mut().insert(position::KEY, text.join(",").parse().unwrap());
    }
    let answer = ok(world.images.clone().list_images(request).await);
    (answer.images, answer.more)
}

/// All pages.
async fn all(world: &World, limit: u32, done_only: bool) -> Vec<Image> {
    let (mut images, mut before) = (Vec::new(), String::new());
    loop {
        let (found, more) = page(world, &before, limit, done_only, &[]).await;
        before = found.last().map_or(before, |last| last.id.clone());
        images.extend(found);
        if !more {
            return images;
        }
    }
}

/// How many copies each partition has.
async fn copied(world: &World) -> Vec<usize> {
    let mut counts = Vec::new();
    for bucket in 4097..=4100 {
        let mut read = world.shards.read(Bucket(bucket)).unwrap();
        counts.push(images::page(&mut read, Bucket(bucket), star(), None, false, 1000).await.unwrap().len());
    }
    counts
}

async fn get(world: &World, id: &str, done_only: bool) -> Option<Image> {
    let request = GetImageRequest { user_id: STAR, image_id: id.to_owned(), done_only };
    world.images.clone().get_image(request).await.ok()?.into_inner().image
}

async fn delete(world: &World, id: &str) {
    let request = DeleteImageRequest { user_id: STAR, image_id: id.to_owned() };
    ok(world.images.clone().delete_image(request).await);
}

fn ids(images: &[Image]) -> Vec<String> {
    images.iter().map(|image| image.id.clone()).collect()
}

async fn strangers_read_the_partitions_and_see_what_the_user_has(engine: ShardEngine) {
    // R70
    let world = world(engine).await;
    let mut made = Vec::new();
    for n in 1..=30 {
        made.push(finished(&world, STAR, n).await);
    }
    crate::images::upload(&world, STAR, 31).await.unwrap();
    world.outbox_is_empty().await;
    let counts = copied(&world).await;
    assert!(counts.iter().all(|count| *count > 1) && counts.iter().sum::<usize>() == 30, "{counts:?}");
    made.reverse();
    let own = all(&world, 200, false).await;
    assert_eq!((own.len(), ids(&own[1..])), (31, made.clone()));
    for limit in [1, 3, 7, 29, 30, 200] {
        assert_eq!(all(&world, limit, true).await, own[1..], "{limit} a page");
    }
    // Of one that is not finished a stranger knows nothing.
    assert_eq!(get(&world, &own[0].id, true).await, None);
    assert!(get(&world, &own[0].id, false).await.is_some());
    delete(&world, &made[3]).await;
    let gone = made.remove(3);
    world.outbox_is_empty().await;
    assert_eq!(ids(&all(&world, 7, true).await), made);
    assert_eq!(get(&world, &gone, true).await, None);
    // The feed has no picture twice.
    let checked = world.app.recent().check().await.unwrap();
    assert_eq!((checked.pictures, checked.differences.len()), (29, 0));
    ok(world.operator.clone().rebuild_feed(api::operator::v1::RebuildFeedRequest {}).await);
    assert_eq!(world.app.recent().check().await.unwrap().pictures, 29);
    // The user's own shard is not asked for any of it; what is not in a partition is looked for there.
    world.shards.get(ShardId(0)).unwrap().engine().close().await;
    assert_eq!(ids(&all(&world, 7, true).await), made);
    assert_eq!(get(&world, &made[0], true).await.unwrap().id, made[0]);
    world.end().await;
}

async fn where_a_partition_is_away_the_users_own_bucket_is_read(engine: ShardEngine) {
    let world = world(engine).await;
    let mut made = Vec::new();
    for n in 1..=12 {
        made.push(finished(&world, STAR, n).await);
    }
    made.reverse();
    world.outbox_is_empty().await;
    world.shards.get(ShardId(2)).unwrap().engine().close().await;
    assert_eq!(ids(&all(&world, 5, true).await), made);
    for id in &made {
        assert_eq!(get(&world, id, true).await.unwrap().id, *id);
    }
    // What happens meanwhile waits for the shard, each for its own partition.
    let late = finished(&world, STAR, 13).await;
    assert_eq!(page(&world, "", 1, true, &[]).await.0[0].id, late);
    world.end().await;
}

async fn who_has_written_sees_it_at_once(engine: ShardEngine) {
    // R22: the copies are late here, they are not made at all.
    let mut parts = map(engine, 2).await.to_parts();
    parts.buckets.extend([0, 1, 1].map(|shard| Some(Owner(shard, 1))));
    parts.pins.insert(STAR, HOME);
    parts.partitions.insert(STAR, Partitions { buckets: vec![4097, 4098], shown: true });
    let world = World::on(Topology::new(parts).unwrap(), engines::ReplicaSettings::default(), |_| {}).await;
    world.sign_up("star@example.com").await;
    let made = finished(&world, STAR, 1).await;
    assert!(page(&world, "", 5, true, &[]).await.0.is_empty());
    let at = |shard| position::Position { shard: ShardId(shard), role_epoch: 1, log: 1 };
    assert_eq!(ids(&page(&world, "", 5, true, &[at(0)]).await.0), [made]);
    assert!(page(&world, "", 5, true, &[at(1)]).await.0.is_empty(), "not who has written elsewhere");
    world.end().await;
}

async fn copies_follow_in_any_order_and_nothing_comes_back(engine: ShardEngine) {
    let world = world(engine).await;
    let kept = Copies::new(world.shards.clone());
    let [one, two, three] = [1, 2, 3].map(image_id);
    for n in 1..=3 {
        finished(&world, STAR, n).await;
    }
    world.outbox_is_empty().await;
    let bucket = Bucket(HOME);
    let mut own = world.shards.read(star()).unwrap();
    let row: ImageRow = images::get(&mut own, bucket, star(), &two).await.unwrap().unwrap();
    delete(&world, two.as_str()).await;
    world.outbox_is_empty().await;
    // A copier that had read it before comes late.
    let partition = world.shards.topology().partitions_of(star()).unwrap().of(&two);
    let late = world
        .shards
        .write(Key::Partition(star(), partition), move |tx| Box::pin(async move { copies::put(tx, &row).await }));
    assert!(!late.await.unwrap().value);
    // Told again, in another order, of what is there and of what is gone.
    for image in [&two, &three, &one, &two, &one] {
        kept.look_at(star(), std::slice::from_ref(image), now_ms()).await.unwrap();
    }
    let left: Vec<ImageId> = vec![three.clone(), one.clone()];
    let shown = all(&world, 5, true).await;
    assert_eq!(ids(&shown), left.iter().map(ToString::to_string).collect::<Vec<_>>());
    // A user who goes takes all of them along.
    world.delete(STAR).await.unwrap();
    world.outbox_is_empty().await;
    eventually(async || copied(&world).await.iter().sum::<usize>() == 0).await;
    assert!(all(&world, 5, true).await.is_empty());
    // Pictures' objects outlive no copy: the sweeper looks at rows only.
    tokio::time::timeout(Duration::from_secs(5), world.app.sweeper().sweep_objects(now_ms())).await.unwrap();
    world.end().await;
}

async fn a_shard_of_partitions_reads_its_share_and_no_more(engine: ShardEngine) {
    let world = world(engine).await;
    for n in 1..=40 {
        finished(&world, STAR, n).await;
    }
    world.outbox_is_empty().await;
    world.shutdown.soft.cancel();
    let count = || world.statements.load(std::sync::atomic::Ordering::Relaxed);
    // What runs in the background comes to rest.
    let mut before = count();
    eventually(async || {
        let now = count();
        let still = now == before;
        before = now;
        tokio::time::sleep(Duration::from_millis(50)).await;
        still
    })
    .await;
    let from = count();
    for _ in 0..10 {
        page(&world, "", 20, true, &[]).await;
    }
    let (lists, from) = (count() - from, count());
    for n in 1..=10 {
        get(&world, image_id(n).as_str(), true).await.unwrap();
    }
    let gets = count() - from;
    println!("ten lists: {lists} statements over four partitions, ten pictures: {gets}");
    assert_eq!((lists, gets), (40, 10), "one of each partition for a list, one of one for a picture");
}

testkit::on_both_engines! {
    strangers_read_the_partitions_and_see_what_the_user_has,
    where_a_partition_is_away_the_users_own_bucket_is_read,
    who_has_written_sees_it_at_once,
    copies_follow_in_any_order_and_nothing_comes_back,
    a_shard_of_partitions_reads_its_share_and_no_more,
}
