//! What becomes a dead letter, and what does not.

use queue::{
    Consumer as _,
    contract::{job, next, publish, soon},
};
use queue_rabbitmq::Settings;

use crate::broker::on_broker;

#[test]
fn a_message_that_is_not_ours_is_a_dead_letter_and_the_good_ones_go_on() {
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        world.send(b"hunter2").await;
        world.send(br#"{"version":"99","user_id":1}"#).await;
        publish(&publisher, job(1)).await;
        world.send(br#"{"version":"1","user_id":0,"image_id":"../../etc/passwd"}"#).await;
        publish(&publisher, job(2)).await;
        let mut consumer = world.consumer(4);
        for n in [1, 2] {
            let delivery = next(&mut consumer).await;
            assert_eq!(delivery.job(), &job(n));
            delivery.ack().await.unwrap();
        }
        world.until_waiting(&world.dead(), 3).await;
        drop(consumer);
        world.until_waiting(&world.settings.queue, 0).await;
    });
}

#[test]
fn a_job_that_always_fails_is_a_dead_letter_after_its_last_delivery() {
    // R54
    on_broker(async |mut world, _| {
        world.settings = Settings { delivery_limit: 3, ..world.settings };
        let publisher = world.connected().await;
        publish(&publisher, job(1)).await;
        let mut consumer = world.consumer(4);
        for _ in 0..4 {
            next(&mut consumer).await.reject("poison").await.unwrap();
        }
        world.until_waiting(&world.dead(), 1).await;
        // Nothing is left of it, and others are served.
        publish(&publisher, job(2)).await;
        assert_eq!(next(&mut consumer).await.job(), &job(2));
    });
}

#[test]
fn a_queue_made_with_another_limit_is_used_as_it_is() {
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        publish(&publisher, job(1)).await;
        let mut later = world.clone();
        later.settings.delivery_limit += 1;
        let publisher = later.connected().await;
        publish(&publisher, job(2)).await;
        let mut consumer = later.consumer(4);
        for n in [1, 2] {
            let delivery = soon(consumer.next()).await.unwrap();
            assert_eq!(delivery.job(), &job(n));
            delivery.ack().await.unwrap();
        }
    });
}
