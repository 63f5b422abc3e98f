//! What a process is told at its start.

use std::time::Duration;

use cache::policy;
use cache_redis::{Opened, Redis, RedisSettings, Settings, open};

use crate::{bytes, server, until};

#[tokio::test]
async fn a_right_password_in_the_url_or_beside_it_is_taken() {
    let server = server().await;
    Redis::new(&server.patient()).unwrap().ping().await.unwrap();
    let beside = RedisSettings {
        url: server.redis.url_without_password().into(),
        password: Some(server.redis.password().into()),
        ..server.patient()
    };
    Redis::new(&beside).unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_wrong_password_is_told_by_its_setting_and_never_shown() {
    let server = server().await;
    let wrong = server.redis.url().replace("a-cache", "b-cache");
    for url in [server.redis.url_without_password(), wrong] {
        let redis = Redis::new(&RedisSettings { url: url.as_str().into(), ..server.patient() }).unwrap();
        let error = redis.ping().await.unwrap_err().to_string();
        assert!(error.contains("cache.redis.password"), "{error}");
        assert!(!error.contains("b-cache") && !error.contains("redis://"), "{error}");
    }
}

#[tokio::test]
async fn with_a_wrong_password_the_cache_does_without_redis_and_stops_asking() {
    let server = server().await;
    let redis = RedisSettings { url: server.redis.url_without_password().into(), ..server.patient() };
    let process = crate::process(&redis, Duration::from_secs(1));
    for _ in 0..20 {
        let found = process.users.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
        assert_eq!(found, Ok(Some(bytes("john"))));
        process.tiered.distrust();
    }
    let error = cache::Engine::get(&process.redis, "user:12").await.unwrap_err();
    assert!(error.to_string().contains("not asked"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told_by_its_setting() {
    let port = testkit::engines::free_port().unwrap();
    let url = format!("redis://:hidden@127.0.0.1:{port}");
    let redis = Redis::new(&RedisSettings { url: url.into(), ..RedisSettings::default() }).unwrap();
    let error = redis.ping().await.unwrap_err().to_string();
    assert!(error.contains("cache.redis.url") && !error.contains("hidden"), "{error}");
}

#[test]
fn a_setting_that_cannot_be_used_is_named_without_what_it_holds() {
    let fails = |redis: RedisSettings| {
        let error = open(&Settings { redis: Some(redis), ..Settings::default() }).err().unwrap();
        error.to_string()
    };
    let error = fails(RedisSettings { url: "http://:hidden@example.com".into(), ..RedisSettings::default() });
    assert!(error.starts_with("cache.redis.url") && !error.contains("hidden"), "{error}");
    let missing = Some("/does/not/exist.pem".into());
    let error = fails(RedisSettings { ca_file: missing, ..RedisSettings::default() });
    assert!(error.starts_with("cache.redis.ca_file /does/not/exist.pem cannot be read"), "{error}");
}

#[tokio::test]
async fn without_redis_the_cache_is_in_this_process_and_its_upkeep_ends() {
    let opened = open(&Settings::default()).unwrap();
    opened.upkeep.await;
    assert!(opened.tally.is_none());
    let users = opened.cache.class(policy::USER);
    assert!(users.set_if_newer("12", 1, &bytes("john")).await);
    assert_eq!(users.get("12").await, Some(bytes("john")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opened_by_settings_two_processes_share_what_they_keep() {
    let server = server().await;
    let settings = Settings { redis: Some(server.patient()), ..Settings::default() };
    let Opened { cache: one, upkeep: one_upkeep, .. } = open(&settings).unwrap();
    let Opened { cache: other, upkeep: other_upkeep, .. } = open(&settings).unwrap();
    let (one, other) = (one.class(policy::USER), other.class(policy::USER));
    let story = async {
        assert!(one.set_if_newer("12", 1, &bytes("john")).await);
        assert_eq!(other.get("12").await, Some(bytes("john")));
        one.forget("12", 2).await.unwrap();
        until("it is gone", || async { other.get("12").await.is_none() }).await;
    };
    tokio::select! {
        () = one_upkeep => {}
        () = other_upkeep => {}
        () = story => {}
    }
}
