//! One load for many callers, whoever of them leaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::poll;
use model::{Code, Error};
use tokio::sync::Notify;

use super::{bytes, class};
use crate::Cache;

// R24 R26
pub async fn a_thousand_concurrent_misses_are_one_load(cache: Cache) {
    let (class, loads, go) = (class(&cache), AtomicUsize::new(0), Notify::new());
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

pub async fn an_error_is_everybodys_and_is_not_kept(cache: Cache) {
    let (class, loads, fail) = (class(&cache), AtomicUsize::new(0), Notify::new());
    let callers = (0..100).map(|_| {
        class.get_or_load("12", || async {
            loads.fetch_add(1, Ordering::Relaxed);
            fail.notified().await;
            Err(Error::new(Code::Unavailable, "the shard is away"))
        })
    });
    let all = join_all(callers);
    let failing = async {
        // Nobody's look-up takes that long: all are in the flight when it fails.
        tokio::time::sleep(Duration::from_millis(200)).await;
        fail.notify_one();
    };
    let (found, ()) = futures::join!(all, failing);
    assert!(found.iter().all(|found| found.as_ref().is_err_and(|error| error.code == Code::Unavailable)));
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let again = class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(again, Ok(Some(bytes("john"))));
}

pub async fn what_does_not_exist_is_not_kept(cache: Cache) {
    let class = class(&cache);
    assert_eq!(class.get_or_load("12", || async { Ok(None) }).await, Ok(None));
    let again = class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(again, Ok(Some(bytes("john"))));
}

pub async fn when_the_loader_leaves_a_waiter_takes_over(cache: Cache) {
    let (class, begun) = (class(&cache), Notify::new());
    let mut first = Box::pin(class.get_or_load("12", || async {
        begun.notify_one();
        std::future::pending().await
    }));
    tokio::select! {
        _ = &mut first => panic!("it never ends"),
        () = begun.notified() => {}
    }
    let mut second = Box::pin(class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }));
    assert!(poll!(&mut second).is_pending(), "it waits for the first");
    drop(first);
    assert_eq!(second.await, Ok(Some(bytes("john"))));
}

// R29
pub async fn a_load_begun_before_a_deletion_is_neither_kept_nor_joined_after_it(cache: Cache) {
    let (class, begun, go) = (class(&cache), Notify::new(), Notify::new());
    let mut before = Box::pin(class.get_or_load("12", || async {
        begun.notify_one();
        go.notified().await;
        Ok(Some((1, bytes("john"))))
    }));
    tokio::select! {
        _ = &mut before => panic!("it waits for a word"),
        () = begun.notified() => {}
    }
    class.forget("12", 2).await.unwrap();
    assert_eq!(class.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await, Ok(None));
    go.notify_one();
    assert_eq!(before.await, Ok(Some(bytes("john"))), "it asked before the deletion");
    assert_eq!(class.get("12").await, None);
}
