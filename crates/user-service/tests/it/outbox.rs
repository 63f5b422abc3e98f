//! What leaves by the outbox.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::ImageId;
use objects::{Class, Key};
use testkit::engines::ShardEngine;
use tokio_stream::StreamExt;

use crate::{
    images::{begin, done, image_id, request, upload},
    world::{World, eventually, ok},
};

/// Stores a source and a derived object of an image.
pub async fn store_objects(world: &World, image: &ImageId) -> [Key; 2] {
    let source = world.objects.put(Bytes::from("source"), |hash| Key::source(image.clone(), hash)).await.unwrap();
    let media =
        world.objects.put(Bytes::from("media"), |hash| Key::media(image.clone(), hash, "jpeg").unwrap()).await.unwrap();
    [source, media]
}

pub async fn count(world: &World, class: Class) -> usize {
    world.objects.list(class).collect::<Vec<_>>().await.len()
}

async fn a_job_reaches_a_queue_that_fails_and_leaves_the_outbox_when_confirmed(engine: ShardEngine) {
    // R51 R52 R54
    for shards in [1, 4] {
        let world = World::new(engine, shards).await;
        world.queue.failures.store(3, Ordering::SeqCst);
        world.run();
        let user = world.sign_up("a@example.com").await.id;
        upload(&world, user, 1).await.unwrap();
        world.outbox_is_empty().await;
        // At least once: three deliveries whose confirmation was lost, and the one that counted.
        assert_eq!(world.queue.len(), 4);
        let jobs = world.queue.jobs.lock().unwrap().clone();
        assert!(jobs.iter().all(|job| job.image().unwrap().1 == image_id(1)));
    }
}

async fn jobs_committed_before_the_dispatcher_ran_are_delivered_by_the_next_one(engine: ShardEngine) {
    // R51
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    for n in 1..=20 {
        upload(&world, user, n).await.unwrap();
    }
    assert_eq!(world.queue.len(), 0);
    world.run();
    world.outbox_is_empty().await;
    assert_eq!(world.queue.len(), 20);
}

async fn a_backlog_of_jobs_holds_up_no_other_event(engine: ShardEngine) {
    let world = World::with(engine, 1, |config| {
        config.outbox.jobs_in_flight = 2;
        (config.outbox.backoff_base_ms, config.outbox.backoff_max_ms) = (60_000, 60_000);
    })
    .await;
    world.queue.failures.store(usize::MAX, Ordering::SeqCst);
    let user = world.sign_up("a@example.com").await.id;
    let images: Vec<_> = futures::future::join_all((1..=10).map(|n| upload(&world, user, n))).await;
    world.run();
    let image = images.into_iter().next().unwrap().unwrap();
    let id = ImageId::parse(&image.id).unwrap();
    store_objects(&world, &id).await;
    let delete = api::image::v1::DeleteImageRequest { user_id: user, image_id: image.id };
    ok(world.images.clone().delete_image(delete).await);
    eventually(async || count(&world, Class::Media).await == 0).await;
}

async fn a_source_goes_once_its_image_is_done(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    world.run();
    let user = world.sign_up("a@example.com").await.id;
    let id = image_id(1);
    let [source, _] = store_objects(&world, &id).await;
    let mut wanted = request(user, 1);
    wanted.source.as_mut().unwrap().key = source.name();
    let image = ok(world.images.clone().create_image(wanted).await).image.unwrap();
    begin(&world, &image).await.unwrap();
    done(&world, &image, 1, &["default"]).await.unwrap();
    eventually(async || count(&world, Class::Source).await == 0).await;
    assert_eq!(count(&world, Class::Media).await, 1);
}

async fn what_a_worker_stores_after_the_deletion_goes_when_it_reports(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    world.run();
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    begin(&world, &image).await.unwrap();
    let delete = api::image::v1::DeleteImageRequest { user_id: user, image_id: image.id.clone() };
    ok(world.images.clone().delete_image(delete).await);
    world.outbox_is_empty().await;
    store_objects(&world, &image_id(1)).await;
    done(&world, &image, 1, &["default"]).await.unwrap_err();
    eventually(async || count(&world, Class::Media).await == 0 && count(&world, Class::Source).await == 0).await;
}

async fn a_deleted_users_pictures_go(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    world.run();
    let user = world.sign_up("a@example.com").await.id;
    for n in 1..=3 {
        upload(&world, user, n).await.unwrap();
        store_objects(&world, &image_id(n)).await;
    }
    world.delete(user).await.unwrap();
    eventually(async || count(&world, Class::Media).await == 0 && count(&world, Class::Source).await == 0).await;
}

testkit::on_both_engines! {
    a_job_reaches_a_queue_that_fails_and_leaves_the_outbox_when_confirmed,
    jobs_committed_before_the_dispatcher_ran_are_delivered_by_the_next_one,
    a_backlog_of_jobs_holds_up_no_other_event,
    a_source_goes_once_its_image_is_done,
    what_a_worker_stores_after_the_deletion_goes_when_it_reports,
    a_deleted_users_pictures_go,
}
