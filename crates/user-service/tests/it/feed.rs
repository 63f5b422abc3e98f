//! The recent feed: what events make of it, what it is built from, and what the comparison with the shards finds.

use std::sync::{Arc, atomic::Ordering};

use api::{
    feed::v1::{ListRecentRequest, Picture},
    operator::v1::{CheckFeedRequest, CheckFeedResponse, RebuildFeedRequest, feed_difference::Kind},
    status::from_status,
    user::v1::UpdateUserRequest,
};
use cache_redis::{Redis, RedisFeed, RedisSettings};
use model::{Code, Error, ImageId, UserId, image::Variant};
use store::tables::{images, users};
use tempfile::TempDir;
use testkit::engines::{self, ShardEngine};
use user_service::Config;

use crate::{
    images::{begin, done, upload},
    world::{World, eventually, ok},
};

/// A Redis of one test and its directory.
struct Server {
    redis: engines::Redis,
    _directory: TempDir,
}

impl Server {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let redis = engines::Redis::start(directory.path()).await.unwrap();
        Self { redis, _directory: directory }
    }

    /// A service whose feed is in this Redis.
    async fn world(&self, engine: ShardEngine, shards: u32, tune: impl FnOnce(&mut Config)) -> World {
        let settings = RedisSettings { url: self.redis.url().into(), budget_ms: 10_000, ..RedisSettings::default() };
        let redis = Redis::new(&settings).unwrap();
        World::with_feed(engine, shards, tune, |entries| Arc::new(RedisFeed::new(redis, entries))).await
    }
}

async fn page(world: &World, limit: u32, before: &str) -> Result<(Vec<Picture>, String), Error> {
    let request = ListRecentRequest { limit, before: before.to_owned() };
    let answer = world.feed.clone().list_recent(request).await.map_err(|status| from_status(&status))?.into_inner();
    Ok((answer.pictures, answer.next))
}

/// All there is, as first name and image.
async fn shown(world: &World) -> Vec<(String, String)> {
    let Ok((pictures, _)) = page(world, 200, "").await else { return vec![("unavailable".into(), String::new())] };
    pictures.into_iter().map(|picture| (picture.first_name, picture.image_id)).collect()
}

async fn becomes(world: &World, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect();
    let mut last = Vec::new();
    eventually(async || {
        last = shown(world).await;
        last == expected
    })
    .await;
}

/// A finished picture: its id.
pub async fn finished(world: &World, user: u64, n: u64) -> String {
    let image = upload(world, user, n).await.unwrap();
    begin(world, &image).await.unwrap();
    done(world, &image, 1, &["default", "other"]).await.unwrap().id
}

async fn rename(world: &World, user: u64, first: &str) {
    let request = UpdateUserRequest { user_id: user, first_name: Some(first.to_owned()), ..Default::default() };
    world.patch(request).await.unwrap();
}

async fn check(world: &World) -> CheckFeedResponse {
    ok(world.operator.clone().check_feed(CheckFeedRequest {}).await)
}

/// What the check names, by image.
async fn drift(world: &World) -> Vec<(Kind, String)> {
    let answer = check(world).await;
    assert!(answer.complete && answer.differing == answer.differences.len() as u64);
    answer.differences.iter().map(|difference| (difference.kind(), difference.image_id.clone())).collect()
}

/// What happens to pictures and people, in a feed of either engine.
async fn it_follows(world: &World) {
    world.run();
    let [ada, bob] = [world.sign_up("a@example.com").await.id, world.sign_up("b@example.com").await.id];
    rename(world, ada, "Ada").await;
    rename(world, bob, "Bob").await;
    let one = finished(world, ada, 1).await;
    let two = finished(world, bob, 2).await;
    let three = finished(world, ada, 3).await;
    upload(world, ada, 4).await.unwrap();
    becomes(world, &[("Ada", &three), ("Bob", &two), ("Ada", &one)]).await;
    let (first, next) = page(world, 2, "").await.unwrap();
    assert_eq!((first[0].variant.as_str(), first[0].key.starts_with(&three)), ("default", true));
    assert_eq!(first[0].created_at_ms, first[0].created_at_ms.max(first[1].created_at_ms));
    rename(world, ada, "Augusta").await;
    becomes(world, &[("Augusta", &three), ("Bob", &two), ("Augusta", &one)]).await;
    let delete = api::image::v1::DeleteImageRequest { user_id: bob, image_id: two.clone() };
    ok(world.images.clone().delete_image(delete).await);
    becomes(world, &[("Augusta", &three), ("Augusta", &one)]).await;
    // The place that a page ended at is gone, the next one goes on all the same.
    let (rest, end) = page(world, 2, &next).await.unwrap();
    assert_eq!((rest[0].image_id.as_str(), rest.len(), end.as_str()), (one.as_str(), 1, ""));
    let four = finished(world, bob, 5).await;
    world.delete(ada).await.unwrap();
    becomes(world, &[("Bob", &four)]).await;
    world.outbox_is_empty().await;
    // Told again of what is gone, in any order, nothing comes back.
    for (user, image) in [(ada, &one), (bob, &two), (ada, &three), (bob, &four), (ada, &one)] {
        let named = vec![(ImageId::parse(image).unwrap(), first[0].created_at_ms)];
        world.app.recent().look_at(UserId::new(user).unwrap(), named, 0).await.unwrap();
    }
    world.app.recent().rename(UserId::new(ada).unwrap()).await.unwrap();
    assert_eq!(drift(world).await, []);
}

async fn the_feed_follows_pictures_and_names(engine: ShardEngine) {
    // R72
    it_follows(&World::new(engine, 4).await).await;
    let server = Server::start().await;
    it_follows(&server.world(engine, 4, |_| {}).await).await;
}

async fn a_wrong_page_is_refused(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    assert_eq!(page(&world, 1, "").await.unwrap_err().code, Code::Unavailable, "nobody has built it");
    world.run();
    becomes(&world, &[]).await;
    for (limit, before) in [(0, ""), (201, ""), (1, "x"), (1, "000")] {
        assert_eq!(page(&world, limit, before).await.unwrap_err().code, Code::InvalidInput, "{limit} {before}");
    }
}

async fn a_page_asks_no_shard(engine: ShardEngine) {
    // R72 R73
    let server = Server::start().await;
    let world = server.world(engine, 4, |_| {}).await;
    world.run();
    let user = world.sign_up("a@example.com").await.id;
    let image = finished(&world, user, 1).await;
    becomes(&world, &[("John", &image)]).await;
    world.outbox_is_empty().await;
    for shard in world.shards.all() {
        shard.engine().close().await;
    }
    assert!(world.get(user + 1).await.is_err(), "no shard answers any more");
    assert_eq!(shown(&world).await, [("John".to_owned(), image)]);
}

async fn what_a_page_costs_the_shards(engine: ShardEngine) {
    // R72 R73: with the read model, and as a join over the shards, which is what building a feed of one page's length reads.
    let server = Server::start().await;
    for shards in [1, 4] {
        let world = server.world(engine, shards, |config| config.feed.entries = 50).await;
        for n in 0..60 {
            let user = world.sign_up(&format!("{n}@example.com")).await.id;
            finished(&world, user, n + 1).await;
        }
        let reads = || world.statements.load(Ordering::SeqCst);
        let begun = reads();
        world.app.recent().rebuild().await.unwrap();
        let joined = reads() - begun;
        let (begun, mut next, mut pages) = (reads(), String::new(), 0);
        loop {
            let (pictures, end) = page(&world, 10, &next).await.unwrap();
            assert_eq!(pictures.len(), 10);
            (next, pages) = (end, pages + 1);
            if next.is_empty() {
                break;
            }
        }
        let with_model = reads() - begun;
        println!(
            "{engine:?}, {shards} shards: {pages} pages of the feed cost {with_model} statements; joined over the shards each costs {joined}"
        );
        assert_eq!((pages, with_model), (5, 0));
        assert!(joined >= u64::from(2 * shards), "pictures and owners of each shard: {joined}");
        server.redis.flush().await.unwrap();
    }
}

async fn a_feed_that_vanishes_is_built_again(engine: ShardEngine) {
    // R8 R72
    let mut server = Server::start().await;
    let world = server.world(engine, 4, |_| {}).await;
    world.run();
    let mut images = Vec::new();
    for n in 0..12 {
        let user = world.sign_up(&format!("{n}@example.com")).await.id;
        images.push(finished(&world, user, n).await);
    }
    images.reverse();
    let expected: Vec<_> = images.iter().map(|image| ("John", image.as_str())).collect();
    becomes(&world, &expected).await;
    server.redis.flush().await.unwrap();
    becomes(&world, &expected).await;
    // Gone altogether, with changes meanwhile: they wait in the outbox.
    server.redis.kill().await.unwrap();
    assert_eq!(page(&world, 1, "").await.unwrap_err().code, Code::Unavailable, "said plainly, no empty page");
    let gone = world.sign_up("gone@example.com").await.id;
    finished(&world, gone, 90).await;
    world.delete(gone).await.unwrap();
    server.redis.restart().await.unwrap();
    becomes(&world, &expected).await;
    world.outbox_is_empty().await;
    assert_eq!(drift(&world).await, []);
}

async fn drift_is_named_and_mended(engine: ShardEngine) {
    // R72: what a lost event would leave behind, made by changes that tell nobody.
    let server = Server::start().await;
    for in_redis in [false, true] {
        let tune = |config: &mut Config| config.feed.drift_ms = 200;
        let world = if in_redis { server.world(engine, 4, tune).await } else { World::with(engine, 4, tune).await };
        world.run();
        let (mut people, mut made) = (Vec::new(), Vec::new());
        for n in 0..6 {
            people.push(world.sign_up(&format!("{n}@example.com")).await.id);
            made.push(finished(&world, people[0] + n, n + 1).await);
        }
        let silent = upload(&world, people[1], 50).await.unwrap();
        world.outbox_is_empty().await;
        eventually(async || shown(&world).await.len() == 6).await;
        assert_eq!(drift(&world).await, []);

        let id = |n: usize| UserId::new(people[n]).unwrap();
        let image = |text: &str| ImageId::parse(text).unwrap();
        let (user, key) = (id(3), image(&made[3]));
        let delete = world.shards.write(user, move |tx| Box::pin(async move { images::remove(tx, user, &key).await }));
        assert!(delete.await.unwrap().value.is_some());
        let user = id(4);
        let rename = world.shards.write(user, move |tx| {
            Box::pin(async move {
                let bucket = tx.bucket();
                let mut row = users::get_live(tx, bucket, user).await?.unwrap();
                "Silent".clone_into(&mut row.user.first_name);
                row.user.version += 1;
                users::update(tx, row.user.version - 1, &row).await
            })
        });
        assert!(rename.await.unwrap().value);
        let (user, key) = (id(1), image(&silent.id));
        let finish = world.shards.write(user, move |tx| {
            Box::pin(async move {
                let variant = Variant {
                    name: "default".to_owned(),
                    width: 1,
                    height: 1,
                    bytes: 1,
                    format: "jpeg".to_owned(),
                    key: format!("{key}-0.jpg"),
                };
                images::finish(tx, user, &key, &[variant], 1).await
            })
        });
        assert!(finish.await.unwrap().value);

        let expected = [(Kind::Missing, &silent.id), (Kind::Different, &made[4]), (Kind::LeftOver, &made[3])];
        assert_eq!(drift(&world).await, expected.map(|(kind, image)| (kind, image.clone())));
        let built = ok(world.operator.clone().rebuild_feed(RebuildFeedRequest {}).await);
        assert_eq!((built.pictures, built.removed), (6, 1));
        assert_eq!(drift(&world).await, []);
        let names: Vec<_> = shown(&world).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["John", "John", "Silent", "John", "John", "John"]);
        server.redis.flush().await.unwrap();
    }
}

async fn a_bounded_feed_keeps_the_newest_and_is_filled_again(engine: ShardEngine) {
    let world = World::with(engine, 2, |config| {
        (config.feed.entries, config.feed.drift_ms) = (5, 200);
    })
    .await;
    world.run();
    let user = world.sign_up("a@example.com").await.id;
    let mut made = Vec::new();
    for n in 1..=9 {
        made.push(finished(&world, user, n).await);
        world.outbox_is_empty().await;
    }
    let newest =
        |images: &[&String]| images.iter().map(|image| ("John".to_owned(), (*image).clone())).collect::<Vec<_>>();
    assert_eq!(shown(&world).await, newest(&[&made[8], &made[7], &made[6], &made[5], &made[4]]));
    assert_eq!(drift(&world).await, []);
    let delete = api::image::v1::DeleteImageRequest { user_id: user, image_id: made[8].clone() };
    ok(world.images.clone().delete_image(delete).await);
    world.outbox_is_empty().await;
    assert_eq!(shown(&world).await, newest(&[&made[7], &made[6], &made[5], &made[4]]));
    assert_eq!(drift(&world).await, [], "what is beyond the bound is no drift");
    ok(world.operator.clone().rebuild_feed(RebuildFeedRequest {}).await);
    assert_eq!(shown(&world).await, newest(&[&made[7], &made[6], &made[5], &made[4], &made[3]]));
    assert_eq!(drift(&world).await, []);
}

async fn two_instances_share_one_feed_and_one_of_them_builds_it(engine: ShardEngine) {
    // R8: each has shards of its own here, so that who built it can be told.
    let server = Server::start().await;
    let [one, other] = [server.world(engine, 1, |_| {}).await, server.world(engine, 1, |_| {}).await];
    let settings = RedisSettings { url: server.redis.url().into(), budget_ms: 10_000, ..RedisSettings::default() };
    let builder = RedisFeed::new(Redis::new(&settings).unwrap(), 100);
    assert!(feed::Engine::begin(&builder, "a third", std::time::Duration::from_mins(10)).await.unwrap());
    let refused = one.operator.clone().rebuild_feed(RebuildFeedRequest {}).await.unwrap_err();
    assert_eq!(from_status(&refused).code, Code::Busy);
    assert!(feed::Engine::finish(&builder, "a third", None).await.unwrap());
    one.run();
    let user = one.sign_up("a@example.com").await.id;
    let image = finished(&one, user, 1).await;
    becomes(&one, &[("John", &image)]).await;
    assert_eq!(shown(&other).await, [("John".to_owned(), image)]);
}

testkit::on_both_engines! {
    the_feed_follows_pictures_and_names,
    a_wrong_page_is_refused,
    a_page_asks_no_shard,
    what_a_page_costs_the_shards,
    a_feed_that_vanishes_is_built_again,
    drift_is_named_and_mended,
    a_bounded_feed_keeps_the_newest_and_is_filled_again,
    two_instances_share_one_feed_and_one_of_them_builds_it,
}
