//! What the publisher hears for everything a worker, or its absence, can do.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use proptest::prelude::*;
use queue::{Consumer as _, Error, InProcess, Job, JobQueue as _};

fn job(number: u64) -> Job {
    Job::V1 {
        user_id: number + 1,
        image_id: format!("{number:032x}"),
        request_id: String::new(),
        traceparent: String::new(),
    }
}

fn number(job: &Job) -> u64 {
    job.image().unwrap().0.get() - 1
}

/// A test that would hang fails instead.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap()
}

#[tokio::test]
async fn publish_answers_when_the_worker_has() {
    let (queue, mut consumer) = InProcess::new(4);
    let mut publish = queue.publish(job(1));
    assert!(poll_immediate(&mut publish).await.is_none());
    let delivery = soon(consumer.next()).await.unwrap();
    assert_eq!(delivery.job(), &job(1));
    assert!(poll_immediate(&mut publish).await.is_none());
    delivery.ack().await.unwrap();
    assert_eq!(soon(publish).await, Ok(()));
}

#[tokio::test]
async fn a_rejected_job_counts_and_a_released_or_dropped_one_does_not() {
    let (queue, mut consumer) = InProcess::new(4);
    let worker = async {
        soon(consumer.next()).await.unwrap().reject("bad day").await.unwrap();
        soon(consumer.next()).await.unwrap().release().await.unwrap();
        drop(soon(consumer.next()).await.unwrap());
    };
    let publisher = async {
        let rejected = queue.publish(job(1)).await.unwrap_err();
        assert_eq!(rejected, Error::Rejected("bad day".into()));
        assert!(rejected.counts_as_attempt());
        let released = queue.publish(job(2)).await.unwrap_err();
        assert_eq!(released, Error::Returned);
        assert!(!released.counts_as_attempt());
        assert_eq!(queue.publish(job(3)).await, Err(Error::Returned));
    };
    soon(futures::future::join(worker, publisher)).await;
}

#[tokio::test]
async fn a_full_line_makes_publishers_wait() {
    let (queue, mut consumer) = InProcess::new(2);
    let mut publishers: Vec<_> = (0..3).map(|n| queue.publish(job(n))).collect();
    for publisher in &mut publishers {
        assert!(poll_immediate(publisher).await.is_none());
    }
    // The third has not joined the line: closing answers it as closed and the two others as returned.
    let first = soon(consumer.next()).await.unwrap();
    queue.close();
    first.ack().await.unwrap();
    let answers = soon(join_all(publishers)).await;
    assert_eq!(answers, [Ok(()), Err(Error::Returned), Err(Error::Closed)]);
}

#[tokio::test]
async fn a_closed_queue_takes_nothing_and_lets_workers_finish() {
    let (queue, mut consumer) = InProcess::new(4);
    let mut held = queue.publish(job(1));
    assert!(poll_immediate(&mut held).await.is_none());
    let delivery = soon(consumer.next()).await.unwrap();
    queue.close();
    assert_eq!(queue.publish(job(2)).await, Err(Error::Closed));
    assert!(soon(consumer.next()).await.is_none());
    delivery.ack().await.unwrap();
    assert_eq!(soon(held).await, Ok(()));
}

#[tokio::test]
async fn closing_wakes_a_waiting_worker() {
    let (queue, mut consumer) = InProcess::new(4);
    let mut next = consumer.next();
    assert!(poll_immediate(&mut next).await.is_none());
    queue.close();
    assert!(soon(next).await.is_none());
}

#[tokio::test]
async fn when_the_last_worker_goes_what_waits_goes_back() {
    let (queue, mut consumer) = InProcess::new(4);
    let other = consumer.clone();
    let (mut held, mut waiting) = (queue.publish(job(1)), queue.publish(job(2)));
    assert!(poll_immediate(&mut held).await.is_none());
    assert!(poll_immediate(&mut waiting).await.is_none());
    let delivery = soon(consumer.next()).await.unwrap();
    drop(consumer);
    assert!(poll_immediate(&mut waiting).await.is_none());
    drop(other);
    assert_eq!(soon(waiting).await, Err(Error::Returned));
    assert_eq!(queue.publish(job(3)).await, Err(Error::Closed));
    delivery.ack().await.unwrap();
    assert_eq!(soon(held).await, Ok(()));
}

#[tokio::test]
async fn a_job_whose_publisher_went_away_is_not_delivered() {
    let (queue, mut consumer) = InProcess::new(1);
    let mut gone = queue.publish(job(1));
    assert!(poll_immediate(&mut gone).await.is_none());
    drop(gone);
    // A publisher in the line keeps its place until a worker looks; one that looks passes it over.
    let mut kept = queue.publish(job(2));
    assert!(poll_immediate(&mut kept).await.is_none());
    let mut next = consumer.next();
    assert!(poll_immediate(&mut next).await.is_none());
    assert!(poll_immediate(&mut kept).await.is_none());
    assert_eq!(soon(next).await.unwrap().job(), &job(2));
}

#[tokio::test]
async fn a_worker_that_stops_waiting_loses_no_job() {
    let (queue, mut consumer) = InProcess::new(4);
    let mut other = consumer.clone();
    for n in 0..50 {
        let mut abandoned = consumer.next();
        assert!(poll_immediate(&mut abandoned).await.is_none());
        let mut publish = queue.publish(job(n));
        assert!(poll_immediate(&mut publish).await.is_none());
        // The wake-up went to the one that is dropped now; the other must still get the job.
        drop(abandoned);
        soon(other.next()).await.unwrap().ack().await.unwrap();
        assert_eq!(soon(publish).await, Ok(()));
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Ack,
    Reject,
    Release,
    Drop,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![Just(Act::Ack), Just(Act::Reject), Just(Act::Release), Just(Act::Drop)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A job is never lost: `Ok` if and only if a worker acknowledged this very job, else an error that keeps the row.
    #[test]
    fn ok_means_acknowledged(acts in prop::collection::vec(act(), 1..40), capacity in 1_usize..8, workers in 1_usize..4, close_after in 0_usize..60) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(soon(async {
            let (queue, consumer) = InProcess::new(capacity);
            let taken = std::sync::Mutex::new(HashMap::new());
            let publishers = join_all((0..acts.len() as u64).map(|n| queue.publish(job(n))));
            let work = join_all((0..workers).map(|_| {
                let mut consumer = consumer.clone();
                let (queue, acts, taken) = (&queue, &acts, &taken);
                async move {
                    while let Some(delivery) = consumer.next().await {
                        let n = number(delivery.job());
                        let act = acts[usize::try_from(n).unwrap()];
                        let (before, count) = {
                            let mut taken = taken.lock().unwrap();
                            (taken.insert(n, act), taken.len())
                        };
                        assert_eq!(before, None, "delivered twice");
                        tokio::task::yield_now().await;
                        match act {
                            Act::Ack => delivery.ack().await.unwrap(),
                            Act::Reject => delivery.reject("no").await.unwrap(),
                            Act::Release => delivery.release().await.unwrap(),
                            Act::Drop => drop(delivery),
                        }
                        if count == close_after || count == acts.len() {
                            queue.close();
                        }
                    }
                }
            }));
            let (answers, _) = futures::future::join(publishers, work).await;
            let taken = taken.into_inner().unwrap();
            for (n, answer) in answers.into_iter().enumerate() {
                match taken.get(&(n as u64)) {
                    Some(Act::Ack) => assert_eq!(answer, Ok(())),
                    Some(Act::Reject) => assert_eq!(answer, Err(Error::Rejected("no".into()))),
                    Some(Act::Release | Act::Drop) => assert_eq!(answer, Err(Error::Returned)),
                    None => assert!(matches!(answer, Err(Error::Returned | Error::Closed)), "{answer:?}"),
                }
            }
        }));
    }
}
