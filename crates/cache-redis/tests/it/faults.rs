//! A Redis that is frozen, dead or empty costs speed, never an answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{Cache, Engine as _, Entry, Policy, State, policy};
use cache_redis::{Redis, RedisSettings};

use crate::{bytes, process, server, until};

/// What a busy machine may add to a budget.
const SLACK: Duration = Duration::from_millis(400);

fn shared(redis: &Redis) -> cache::Class<Bytes> {
    Cache::shared(std::sync::Arc::new(redis.clone())).class(Policy { ..policy::USER })
}

/// The time of the fastest of some look-ups.
async fn look_up_time(redis: &Redis) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let begun = Instant::now();
        let _ = redis.get("user:12").await;
        best = best.min(begun.elapsed());
    }
    best
}

/// Until the breaker has opened, by the calls of the test itself.
async fn open_breaker(redis: &Redis, settings: &RedisSettings) {
    for _ in 0..settings.failures {
        let begun = Instant::now();
        assert!(redis.get("user:12").await.is_err());
        assert!(begun.elapsed() < Duration::from_millis(settings.budget_ms) + SLACK, "{:?}", begun.elapsed());
    }
    let best = look_up_time(redis).await;
    assert!(best < Duration::from_millis(1), "{best:?}");
}

// R27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_waited_for_briefly_then_not_at_all_and_used_again_after_the_thaw() {
    let server = server().await;
    let settings = server.settings();
    let redis = Redis::new(&settings).unwrap();
    let users = shared(&redis);
    until("it answers", || async { users.set_if_newer("12", 1, &bytes("john")).await }).await;

    server.redis.freeze();
    let loads = AtomicUsize::new(0);
    let load = || async {
        loads.fetch_add(1, Ordering::Relaxed);
        Ok(Some((1, bytes("john"))))
    };
    assert_eq!(users.get_or_load("12", load).await, Ok(Some(bytes("john"))), "answers go on");
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    open_breaker(&redis, &settings).await;

    server.redis.thaw();
    let took = until("it is used again", || async { users.get("12").await.is_some() }).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

// R27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_is_loaded_around_and_filled_again_when_it_is_back_empty() {
    let mut server = server().await;
    let settings = server.settings();
    let redis = Redis::new(&settings).unwrap();
    let users = shared(&redis);
    until("it answers", || async { users.set_if_newer("12", 1, &bytes("john")).await }).await;

    server.redis.kill().await.unwrap();
    let found = users.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(found, Ok(Some(bytes("john"))));
    open_breaker(&redis, &settings).await;

    server.redis.restart().await.unwrap();
    until("it is asked again", || async { redis.get("user:12").await.is_ok() }).await;
    assert_eq!(users.get("12").await, None, "it is empty");
    let found = users.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(found, Ok(Some(bytes("john"))));
    assert_eq!(users.get("12").await, Some(bytes("john")), "and kept again");
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = server().await;
    let redis = Redis::new(&server.patient()).unwrap();
    let pooled = (0..8).map(|_| redis.get("user:12"));
    for answer in futures::future::join_all(pooled).await {
        answer.unwrap();
    }
    server.redis.stop().await.unwrap();
    server.redis.restart().await.unwrap();
    for _ in 0..10 {
        redis.get("user:12").await.unwrap();
    }
}

#[tokio::test]
async fn flushed_under_load_every_answer_is_right() {
    let server = server().await;
    let process = process(&server.patient(), Duration::from_millis(1));
    for round in 0..200_u64 {
        if round % 20 == 0 {
            server.redis.flush().await.unwrap();
        }
        let id = (round % 7).to_string();
        let found = process.users.get_or_load(&id, || async { Ok(Some((1, bytes(&id)))) }).await;
        assert_eq!(found, Ok(Some(bytes(&id))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_a_frozen_redis_missed_reaches_it_after_the_thaw() {
    let server = server().await;
    let settings = server.settings();
    let (one, other) = (process(&settings, Duration::from_secs(1)), process(&settings, Duration::from_millis(1)));
    until("it answers", || async { one.users.set_if_newer("12", 1, &bytes("john")).await }).await;
    server.redis.freeze();
    assert!(one.users.forget("12", 2).await.is_err(), "the caller is told");
    assert_eq!(one.users.get("12").await, None, "here it counts at once");
    server.redis.thaw();
    let seen = until("the other process sees it", || async {
        other.redis.get("user:12").await.is_ok_and(|entry| entry.is_some_and(|entry| entry.state == State::Gone))
    });
    tokio::select! {
        () = one.redis.upkeep(&one.tiered) => {}
        _ = seen => {}
    }
    assert_eq!(other.users.get("12").await, None);
}

/// A frozen server finds in its buffers what was said before it froze.
#[tokio::test]
async fn a_value_set_before_a_freeze_does_not_live_longer_for_it() {
    let server = server().await;
    let settings = server.settings();
    let redis = Redis::new(&settings).unwrap();
    until("it answers", || async { redis.get("user:12").await.is_ok() }).await;
    server.redis.freeze();
    let entry = Entry { version: 1, state: State::Value(bytes("john")) };
    assert!(redis.set_if_newer("user:12", entry, Duration::from_millis(200)).await.is_err());
    // Longer than its time to live: that is what the test is about.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.redis.thaw();
    let found = server.redis.command("EXISTS myriad:{user:12}").await.unwrap();
    assert!(found.starts_with(":0"), "{found}");
    let told = Redis::new(&server.patient()).unwrap();
    assert_eq!(told.get("user:12").await.unwrap(), None);
}

#[tokio::test]
async fn more_callers_than_connections_wait_within_the_budget_and_the_server_sees_no_more_connections() {
    let server = server().await;
    let redis = Redis::new(&RedisSettings { pool: 3, ..server.patient() }).unwrap();
    let callers = (0..500).map(|number| {
        let redis = redis.clone();
        async move { redis.get(&format!("user:{number}")).await.unwrap() }
    });
    futures::future::join_all(callers).await;
    let clients = server.redis.command("CLIENT LIST").await.unwrap();
    let ours = clients.lines().filter(|line| line.contains("cmd=get")).count();
    assert!((1..=3).contains(&ours), "{clients}");
}
