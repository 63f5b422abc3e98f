//! Workers that take no more than they can use, drain, and die.

use std::{collections::HashSet, time::Duration};

use futures::future::{join_all, poll_immediate};
use queue::{
    Consumer as _,
    contract::{job, next, number, publish, soon},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{
    broker::on_broker,
    victim::{self, HELD},
};

#[test]
fn a_worker_holds_no_more_than_its_prefetch() {
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        join_all((0..20).map(|n| publish(&publisher, job(n)))).await;
        let mut consumer = world.consumer(5);
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(next(&mut consumer).await);
        }
        world.until_waiting(&world.settings.queue, 15).await;
        assert!(poll_immediate(consumer.next()).await.is_none());
        held.pop().unwrap().ack().await.unwrap();
        held.push(next(&mut consumer).await);
        // Another takes what this one cannot.
        let mut other = world.consumer(5);
        next(&mut other).await.ack().await.unwrap();
    });
}

#[test]
fn a_worker_that_drains_gives_back_what_it_has_not_begun_and_finishes_the_rest() {
    on_broker(async |world, broker| {
        let publisher = world.connected().await;
        join_all((0..20).map(|n| publish(&publisher, job(n)))).await;
        // Again and again, for the signal may come at any moment; and once beside a broker that answers late.
        for round in 0..20 {
            let mut draining = world.clone();
            draining.soft = tokio_util::sync::CancellationToken::new();
            draining.tasks = tokio_util::task::TaskTracker::new();
            let mut consumer = draining.consumer(10);
            let running = [next(&mut consumer).await, next(&mut consumer).await];
            if round == 0 {
                broker.freeze();
            }
            draining.soft.cancel();
            assert!(soon(consumer.next()).await.is_none());
            if round == 0 {
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                broker.thaw();
            }
            world.until_waiting(&world.settings.queue, 18).await;
            draining.tasks.close();
            assert!(!draining.tasks.is_empty(), "it waits for the answers");
            for delivery in running {
                delivery.ack().await.unwrap();
            }
            soon(draining.tasks.wait()).await;
            assert_eq!(world.waiting(&world.settings.queue).await, 18);
            join_all((0..2).map(|n| publish(&publisher, job(n)))).await;
        }
    });
}

#[test]
fn what_a_killed_worker_held_goes_to_another() {
    // R52
    on_broker(async |world, _| {
        let publisher = world.connected().await;
        join_all((0..HELD).map(|n| publish(&publisher, job(n)))).await;
        let mut victim = victim::start(&world.settings);
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let holding = async { while !lines.next_line().await.unwrap().unwrap().contains(victim::HOLDING) {} };
        soon(holding).await;
        world.until_waiting(&world.settings.queue, 0).await;
        victim.kill().await.unwrap();
        let mut consumer = world.consumer(4);
        let mut seen = HashSet::new();
        while seen.len() < usize::try_from(HELD).unwrap() {
            let delivery = next(&mut consumer).await;
            seen.insert(number(delivery.job()));
            delivery.ack().await.unwrap();
        }
    });
}
