//! One load for many callers, whoever of them leaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join_all, poll_immediate};
use model::{Code, Error};
use tokio::sync::Notify;

use crate::{bytes, class};

// R24 R26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_misses_are_one_load() {
    let (class, loads, go) = (class(), AtomicUsize::new(0), Notify::new());
    let callers = (0..1_000).map(|_| {
        class.get_or_load("12", || async {
            loads.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            Ok(Some((1, bytes("john"))))
        })
    });
    go.notify_one();
    let found = join_all(callers).await;
    assert!(found.iter().all(|found| *found == Ok(Some(bytes("john")))));
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(class.get("12").await, Some(bytes("john")), "and it is kept");
}

#[tokio::test]
async fn an_error_is_everybodys_and_is_not_kept() {
    let (class, loads) = (class(), AtomicUsize::new(0));
    let callers = (0..100).map(|_| {
        class.get_or_load("12", || async {
            loads.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err(Error::new(Code::Unavailable, "the shard is away"))
        })
    });
    let found = join_all(callers).await;
    assert!(found.iter().all(|found| found.as_ref().is_err_and(|error| error.code == Code::Unavailable)));
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let again = class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(again, Ok(Some(bytes("john"))));
}

#[tokio::test]
async fn what_does_not_exist_is_not_kept() {
    let class = class();
    assert_eq!(class.get_or_load("12", || async { Ok(None) }).await, Ok(None));
    let again = class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(again, Ok(Some(bytes("john"))));
}

#[tokio::test]
async fn when_the_loader_leaves_a_waiter_takes_over() {
    let class = class();
    let mut first = Box::pin(class.get_or_load("12", std::future::pending));
    assert!(poll_immediate(&mut first).await.is_none());
    let mut second = Box::pin(class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }));
    assert!(poll_immediate(&mut second).await.is_none(), "it waits for the first");
    drop(first);
    assert_eq!(second.await, Ok(Some(bytes("john"))));
}

// R29
#[tokio::test]
async fn a_load_begun_before_a_deletion_is_neither_kept_nor_joined_after_it() {
    let (class, go) = (class(), Notify::new());
    let mut before = Box::pin(class.get_or_load("12", || async {
        go.notified().await;
        Ok(Some((1, bytes("john"))))
    }));
    assert!(poll_immediate(&mut before).await.is_none());
    class.forget("12", 2).await.unwrap();
    assert_eq!(class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await, Ok(None));
    go.notify_one();
    assert_eq!(before.await, Ok(Some(bytes("john"))), "it asked before the deletion");
    assert_eq!(class.get("12").await, None);
}
