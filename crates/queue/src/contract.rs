//! The suite that every engine passes: one law, one function, given a fresh and empty queue. `contract_tests!` makes a test of each.
//!
//! Engines differ in when a publisher hears of success: at the worker's answer, or when a broker has the job on disk. So the laws publish as
//! the outbox does: again and again until the queue says `Ok`.

#![expect(missing_docs, reason = "the names of laws are sentences")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "laws are tests")]

use std::{any::Any, collections::HashSet, sync::Mutex, time::Duration};

use futures::future::{join, join_all, poll_immediate};

use crate::{Consumer, Delivery, Job, JobQueue};

/// A law that would hang fails instead.
const PATIENCE: Duration = Duration::from_mins(1);
/// The outbox's wait before it publishes again.
const AGAIN: Duration = Duration::from_millis(20);

/// An empty queue and its two ends.
pub struct Rig {
    /// The publisher's end.
    pub queue: Box<dyn JobQueue>,
    /// Makes one more worker's end. The queue stays open also while there is none.
    pub consumer: Box<dyn Fn() -> Box<dyn Consumer> + Send + Sync>,
    /// Ends the queue for both ends.
    pub close: Box<dyn Fn() + Send + Sync>,
    /// What must live as long.
    pub keep: Box<dyn Any + Send>,
}

/// Makes a test of every law. `$run` makes a rig and runs a law on it: `fn run(law: impl AsyncFnOnce(Rig))`.
#[macro_export]
macro_rules! contract_tests {
    ($run:path) => {
        $crate::contract_tests!(@laws $run;
            a_job_comes_as_it_was_sent_and_once_acknowledged_not_again,
            a_rejected_job_comes_again,
            a_released_job_comes_again,
            a_delivery_that_is_dropped_comes_again,
            what_a_worker_held_when_it_went_away_goes_to_another,
            a_worker_that_stops_waiting_loses_no_job,
            every_job_is_acknowledged_whatever_workers_do_before,
            a_closed_queue_refuses_and_that_counts_as_no_attempt,
            a_closed_queue_ends_its_workers_and_lets_them_finish_what_they_hold,
        );
    };
    (@laws $run:path; $($law:ident,)*) => {
        $(
            #[test]
            fn $law() {
                $run($crate::contract::$law);
            }
        )*
    };
}

/// The n-th job.
pub fn job(n: u64) -> Job {
    Job::V1 {
        user_id: n + 1,
        image_id: format!("{n:032x}"),
        request_id: format!("request-{n}"),
        traceparent: format!("00-{n:032x}-00f067aa0ba902b7-01"),
    }
}

/// Which job it is.
pub fn number(job: &Job) -> u64 {
    job.image().unwrap().0.get() - 1
}

/// As the outbox: until the queue has it.
pub async fn publish(queue: &dyn JobQueue, job: Job) {
    let until_taken = async {
        while queue.publish(job.clone()).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    };
    soon(until_taken).await;
}

/// The next delivery.
pub async fn next(consumer: &mut dyn Consumer) -> Delivery {
    soon(consumer.next()).await.unwrap()
}

/// A test that would hang fails instead.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("nothing happened for {PATIENCE:?}"))
}

pub async fn a_job_comes_as_it_was_sent_and_once_acknowledged_not_again(rig: Rig) {
    let mut consumer = (rig.consumer)();
    for n in 0..3 {
        // The next job is the next one sent: the one before has not come again.
        let worker = async {
            let delivery = next(consumer.as_mut()).await;
            assert_eq!(delivery.job(), &job(n));
            delivery.ack().await.unwrap();
        };
        join(publish(rig.queue.as_ref(), job(n)), worker).await;
    }
}

/// Jobs come again after a first answer that is not an acknowledgement.
async fn comes_again(rig: Rig, answer: impl AsyncFn(Delivery)) {
    let mut consumer = (rig.consumer)();
    let worker = async {
        for _ in 0..3 {
            let delivery = next(consumer.as_mut()).await;
            assert_eq!(delivery.job(), &job(7));
            answer(delivery).await;
        }
        next(consumer.as_mut()).await.ack().await.unwrap();
    };
    join(publish(rig.queue.as_ref(), job(7)), worker).await;
    let last = async { next(consumer.as_mut()).await.ack().await.unwrap() };
    join(publish(rig.queue.as_ref(), job(8)), last).await;
}

pub async fn a_rejected_job_comes_again(rig: Rig) {
    comes_again(rig, async |delivery| delivery.reject("a bad day").await.unwrap()).await;
}

pub async fn a_released_job_comes_again(rig: Rig) {
    comes_again(rig, async |delivery| delivery.release().await.unwrap()).await;
}

pub async fn a_delivery_that_is_dropped_comes_again(rig: Rig) {
    comes_again(rig, async |delivery| drop(delivery)).await;
}

pub async fn what_a_worker_held_when_it_went_away_goes_to_another(rig: Rig) {
    let mut first = (rig.consumer)();
    let published = join_all((0..6).map(|n| publish(rig.queue.as_ref(), job(n))));
    let workers = async {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(next(first.as_mut()).await);
        }
        let mut second = (rig.consumer)();
        drop(first);
        drop(held);
        let mut seen = HashSet::new();
        while seen.len() < 6 {
            let delivery = next(second.as_mut()).await;
            seen.insert(number(delivery.job()));
            delivery.ack().await.unwrap();
        }
    };
    join(published, workers).await;
}

pub async fn a_worker_that_stops_waiting_loses_no_job(rig: Rig) {
    let mut consumer = (rig.consumer)();
    for n in 0..50 {
        let worker = async {
            loop {
                // Given up at its first await, again and again.
                if let Some(delivery) = poll_immediate(consumer.next()).await {
                    return delivery.unwrap().ack().await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        soon(join(publish(rig.queue.as_ref(), job(n)), worker)).await;
    }
}

pub async fn every_job_is_acknowledged_whatever_workers_do_before(rig: Rig) {
    const JOBS: u64 = 60;
    let seen = Mutex::new(HashSet::new());
    let done = Mutex::new(HashSet::new());
    let finished = || done.lock().unwrap().len() as u64 == JOBS;
    let workers = join_all((0..3).map(|_| {
        let mut consumer = (rig.consumer)();
        let (seen, done, finished) = (&seen, &done, &finished);
        async move {
            while !finished() {
                let Ok(delivery) = tokio::time::timeout(AGAIN, consumer.next()).await else { continue };
                let delivery = delivery.unwrap();
                let n = number(delivery.job());
                let first = seen.lock().unwrap().insert(n);
                match n % 4 {
                    0 if first => delivery.reject("first").await.unwrap(),
                    1 if first => delivery.release().await.unwrap(),
                    2 if first => drop(delivery),
                    _ => {
                        delivery.ack().await.unwrap();
                        done.lock().unwrap().insert(n);
                    }
                }
            }
        }
    }));
    let published = join_all((0..JOBS).map(|n| publish(rig.queue.as_ref(), job(n))));
    soon(join(published, workers)).await;
}

pub async fn a_closed_queue_refuses_and_that_counts_as_no_attempt(rig: Rig) {
    (rig.close)();
    let refused = async {
        loop {
            match rig.queue.publish(job(1)).await {
                Ok(()) => tokio::time::sleep(AGAIN).await,
                Err(error) => return error,
            }
        }
    };
    let error = soon(refused).await;
    assert!(!error.counts_as_attempt(), "{error}");
}

pub async fn a_closed_queue_ends_its_workers_and_lets_them_finish_what_they_hold(rig: Rig) {
    let mut consumer = (rig.consumer)();
    let worker = async {
        let delivery = next(consumer.as_mut()).await;
        (rig.close)();
        assert!(soon(consumer.next()).await.is_none());
        delivery.ack().await.unwrap();
    };
    join(publish(rig.queue.as_ref(), job(1)), worker).await;
}
