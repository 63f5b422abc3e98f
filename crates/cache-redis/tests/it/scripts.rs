//! What the script in Redis decides equals what the process would.

use std::time::Duration;

use bytes::Bytes;
use cache::{Engine as _, Entry, InProcess, State};
use cache_redis::{Redis, RedisSettings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::{bytes, server};

const TTL: Duration = Duration::from_mins(1);

fn entry() -> impl Strategy<Value = Entry> {
    let state = prop_oneof![
        Just(State::Stale),
        any::<u8>().prop_map(|byte| State::Value(Bytes::from(vec![byte]))),
        Just(State::Gone)
    ];
    let edges = [0, 1, 2, u64::from(u32::MAX), 1 << 32, 1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX - 1, u64::MAX];
    (prop::sample::select(edges.to_vec()), state).prop_map(|(version, state)| Entry { version, state })
}

// R29
#[test]
fn two_processes_and_the_model_agree_on_every_step() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server());
    let engines = [(); 2].map(|()| Redis::new(&server.patient()).unwrap());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let case = std::cell::Cell::new(0);
    let steps = prop::collection::vec((entry(), any::<bool>()), 1..20);
    let outcome = runner.run(&steps, |steps| {
        case.set(case.get() + 1);
        let key = format!("user:{}", case.get());
        runtime.block_on(async {
            let model = InProcess::new(cache::Settings::default());
            for (entry, which) in steps {
                let engine = &engines[usize::from(which)];
                let kept = engine.set_if_newer(&key, entry.clone(), TTL).await.unwrap();
                prop_assert_eq!(kept, model.set_if_newer(&key, entry, TTL).await.unwrap());
                prop_assert_eq!(engine.get(&key).await.unwrap(), model.get(&key).await.unwrap());
            }
            Ok::<(), TestCaseError>(())
        })
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_server_that_has_lost_its_scripts_is_given_them_again() {
    let server = server().await;
    let redis = Redis::new(&server.patient()).unwrap();
    let entry = |version| Entry { version, state: State::Value(bytes("john")) };
    assert!(redis.set_if_newer("user:1", entry(1), TTL).await.unwrap());
    server.redis.command("SCRIPT FLUSH").await.unwrap();
    assert!(redis.set_if_newer("user:1", entry(2), TTL).await.unwrap());
    assert_eq!(redis.get("user:1").await.unwrap(), Some(entry(2)));
}

#[tokio::test]
async fn an_entry_of_another_release_is_a_miss_that_only_an_invalidation_replaces() {
    let server = server().await;
    let redis = Redis::new(&server.patient()).unwrap();
    server.redis.command(r#"SET myriad:{user:1} "\x02 of another release" EX 60"#).await.unwrap();
    assert_eq!(redis.get("user:1").await.unwrap(), None);
    let value = Entry { version: 9, state: State::Value(bytes("john")) };
    assert!(!redis.set_if_newer("user:1", value.clone(), TTL).await.unwrap());
    let stale = Entry { version: 9, state: State::Stale };
    assert!(redis.set_if_newer("user:1", stale, TTL).await.unwrap());
    assert!(redis.set_if_newer("user:1", value, TTL).await.unwrap());
}

// R28
#[tokio::test]
async fn entries_run_out_in_redis_by_themselves_within_their_spread() {
    let server = server().await;
    let process = crate::process(&server.patient(), Duration::from_secs(1));
    for number in 0..20 {
        process.users.set_if_newer(&number.to_string(), 1, &bytes("john")).await;
    }
    let mut left = Vec::new();
    for number in 0..20 {
        let answer = server.redis.command(&format!("PTTL myriad:{{user:{number}}}")).await.unwrap();
        left.push(answer.trim_start_matches(':').trim().parse::<i64>().unwrap());
    }
    assert!(left.iter().all(|ms| (30_000..=60_000).contains(ms)), "{left:?}");
    let (least, most) = (left.iter().min().unwrap(), left.iter().max().unwrap());
    assert!(most - least > 1_000, "they would run out together: {left:?}");
}

#[tokio::test]
async fn keys_of_another_prefix_do_not_meet() {
    let server = server().await;
    let one = Redis::new(&server.patient()).unwrap();
    let other = Redis::new(&RedisSettings { prefix: "staging".to_owned(), ..server.patient() }).unwrap();
    let entry = Entry { version: 1, state: State::Gone };
    assert!(one.set_if_newer("user:1", entry.clone(), TTL).await.unwrap());
    assert_eq!(other.get("user:1").await.unwrap(), None);
    assert_eq!(one.get("user:1").await.unwrap(), Some(entry));
}
