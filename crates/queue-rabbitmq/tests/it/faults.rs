//! The broker killed, stopped, frozen, out of memory, without its queue.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use queue::{
    Error, JobQueue as _,
    contract::{job, next, number, publish},
};
use queue_rabbitmq::{Publisher, Settings};

use testkit::engines::Rabbitmq;

use crate::broker::{World, on_broker, until};

/// A publisher of a queue that the broker has known for longer than moments. RabbitMQ 3.10 keeps the place of a quorum queue's log in a file
/// that it writes some time later: killed within moments of the first declaration, it forgets where the log is.
async fn established(world: &World, broker: &mut Rabbitmq) -> Publisher {
    let publisher = world.connected().await;
    broker.stop().await.unwrap();
    broker.restart().await.unwrap();
    until("the publisher is back", async || publisher.is_connected()).await;
    publisher
}

#[test]
fn a_broker_killed_with_a_thousand_jobs_has_them_all_afterwards() {
    // R51 R52
    on_broker(async |world, broker| {
        let publisher = established(&world, broker).await;
        join_all((0..1_000).map(|n| publish(&publisher, job(n)))).await;
        broker.kill().await.unwrap();
        broker.restart().await.unwrap();
        let mut consumer = world.consumer(50);
        let mut seen = HashSet::new();
        while seen.len() < 1_000 {
            let delivery = next(&mut consumer).await;
            assert!(seen.insert(number(delivery.job())), "once acknowledged, none comes again");
            delivery.ack().await.unwrap();
        }
        drop(consumer);
        world.until_waiting(&world.settings.queue, 0).await;
    });
}

#[test]
fn a_broker_killed_amid_the_work_loses_no_job_and_both_ends_come_back_by_themselves() {
    // R51 R52
    on_broker(async |world, broker| {
        let publisher = established(&world, broker).await;
        let mut consumer = world.consumer(10);
        let publishing = join_all((0..300).map(|n| {
            let publisher = &publisher;
            async move {
                tokio::time::sleep(Duration::from_millis(n * 5)).await;
                publish(publisher, job(n)).await;
            }
        }));
        let work = async {
            let mut seen = HashSet::new();
            while seen.len() < 300 {
                let delivery = next(&mut consumer).await;
                let n = number(delivery.job());
                if delivery.ack().await.is_ok() {
                    seen.insert(n);
                }
            }
        };
        let trouble = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            broker.kill().await.unwrap();
            broker.restart().await.unwrap();
        };
        tokio::join!(publishing, work, trouble);
    });
}

#[test]
fn without_a_broker_publishing_fails_at_once_and_works_again_by_itself() {
    // R52
    on_broker(async |world, broker| {
        let publisher = world.connected().await;
        broker.stop().await.unwrap();
        until("the loss is noticed", async || !publisher.is_connected()).await;
        let started = Instant::now();
        let error = publisher.publish(job(1)).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        assert!(matches!(error, Error::Away(_)) && !error.counts_as_attempt(), "{error}");
        broker.restart().await.unwrap();
        publish(&publisher, job(1)).await;
        let delivery = next(&mut world.consumer(1)).await;
        assert_eq!(delivery.job(), &job(1));
        delivery.ack().await.unwrap();
    });
}

#[test]
fn a_frozen_broker_confirms_nothing_and_thawed_it_is_used_again() {
    on_broker(async |world, broker| {
        let publisher = world.connected().await;
        broker.freeze();
        let started = Instant::now();
        let error = publisher.publish(job(1)).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(matches!(error, Error::Away(_)) && !error.counts_as_attempt(), "{error}");
        // Long enough for the heartbeat to give the connection up.
        until("the connection is given up", async || !publisher.is_connected()).await;
        broker.thaw();
        publish(&publisher, job(2)).await;
        let mut consumer = world.consumer(4);
        let mut seen = HashSet::new();
        // The first may have arrived although it was not confirmed.
        while !seen.contains(&2) {
            let delivery = next(&mut consumer).await;
            seen.insert(number(delivery.job()));
            delivery.ack().await.unwrap();
        }
    });
}

#[test]
fn a_job_that_no_queue_takes_is_not_taken_and_the_queue_is_made_again() {
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        world.delete_queue().await;
        let error = publisher.publish(job(1)).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        // Many at once: none is taken for another.
        join_all((0..40).map(|n| publish(&publisher, job(n)))).await;
        world.until_waiting(&world.settings.queue, 40).await;
    });
}

#[test]
fn a_worker_whose_queue_is_deleted_finds_the_new_one() {
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        let mut consumer = world.consumer(4);
        publish(&publisher, job(1)).await;
        next(&mut consumer).await.ack().await.unwrap();
        world.delete_queue().await;
        until("the worker has made the queue again", async || world.workers().await == Some(1)).await;
        publish(&publisher, job(2)).await;
        assert_eq!(next(&mut consumer).await.job(), &job(2));
    });
}

#[test]
fn a_broker_out_of_memory_makes_publishers_wait_without_counting_it() {
    on_broker(async |world, broker| {
        let publisher = world.connected().await;
        broker.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]).await.unwrap();
        // The first message after the alarm tells the broker that this connection publishes.
        let refused = async {
            loop {
                match publisher.publish(job(1)).await {
                    Ok(()) => tokio::task::yield_now().await,
                    Err(error) => return error,
                }
            }
        };
        let error = queue::contract::soon(refused).await;
        assert!(matches!(error, Error::Away(_)) && !error.counts_as_attempt(), "{error}");
        until("it says why", async || {
            publisher.publish(job(1)).await.is_err_and(|error| error.to_string().contains("memory or disk"))
        })
        .await;
        broker.ctl(&["set_vm_memory_high_watermark", "absolute", "512MB"]).await.unwrap();
        publish(&publisher, job(2)).await;
    });
}

#[test]
fn a_wrong_password_is_said_and_not_repeated() {
    on_broker(async |world, _| {
        let settings = Settings { password: Some("hunter2".into()), ..world.settings.clone() };
        let publisher = Publisher::start(&settings, &world.soft, &world.tasks).unwrap();
        until("the refusal is told", async || {
            let error = publisher.publish(job(1)).await.unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            error.contains("ACCESS_REFUSED") || error.contains("ACCESS-REFUSED")
        })
        .await;
    });
}
