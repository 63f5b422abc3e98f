//! Older never replaces newer, things run out, memory is bounded.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{Cache, Engine as _, Entry, InProcess, Policy, Settings, State, policy};
use proptest::prelude::*;

use crate::{bytes, class};

async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came to be");
        tokio::task::yield_now().await;
    }
}

// R26
#[tokio::test]
async fn what_was_set_is_got_until_it_runs_out() {
    let class = class();
    assert_eq!(class.get("12").await, None);
    assert!(class.set_if_newer("12", 1, &bytes("john")).await);
    assert_eq!(class.get("12").await, Some(bytes("john")));
    assert!(class.set_if_newer_for("13", 1, &bytes("jane"), Duration::from_millis(5)).await);
    until(|| async { class.get("13").await.is_none() }).await;
    assert_eq!(class.get("12").await, Some(bytes("john")));
}

// R24
#[tokio::test]
async fn classes_do_not_meet() {
    let cache = Cache::in_process(Settings::default());
    let (users, images) = (cache.class::<Bytes>(policy::USER), cache.class::<Bytes>(policy::IMAGE));
    users.set_if_newer("1", 1, &bytes("user")).await;
    assert_eq!(images.get("1").await, None);
}

#[tokio::test]
async fn an_older_value_never_replaces_a_newer_one() {
    let class = class();
    assert!(class.set_if_newer("12", 2, &bytes("new")).await);
    assert!(!class.set_if_newer("12", 1, &bytes("old")).await);
    assert!(!class.set_if_newer("12", 2, &bytes("other")).await);
    assert_eq!(class.get("12").await, Some(bytes("new")));
}

#[tokio::test]
async fn an_invalidation_takes_the_old_value_and_waits_for_the_new_one() {
    let class = class();
    class.set_if_newer("12", 1, &bytes("old")).await;
    class.invalidate("12", 2).await.unwrap();
    assert_eq!(class.get("12").await, None);
    assert!(!class.set_if_newer("12", 1, &bytes("old")).await);
    assert!(class.set_if_newer("12", 2, &bytes("new")).await);
    class.invalidate("12", 2).await.unwrap();
    assert_eq!(class.get("12").await, Some(bytes("new")), "the value of that version was already there");
}

#[tokio::test]
async fn a_deletion_is_a_version_and_answers_without_loading() {
    let class = class();
    class.set_if_newer("12", 3, &bytes("john")).await;
    class.forget("12", 4).await.unwrap();
    assert!(!class.set_if_newer("12", 3, &bytes("john")).await);
    assert!(!class.set_if_newer("12", 4, &bytes("john")).await);
    let found = class.get_or_load("12", || async { panic!("loaded what is known to be gone") }).await;
    assert_eq!(found, Ok(None));
}

#[tokio::test]
async fn memory_is_bounded_by_bytes() {
    let engine = Arc::new(InProcess::new(Settings { capacity_bytes: 100_000 }));
    for number in 0..1_000 {
        let entry = Entry { version: 1, state: State::Value(Bytes::from(vec![0; 1_000])) };
        engine.set_if_newer(&format!("user:{number}"), entry, Duration::from_mins(1)).await.unwrap();
    }
    let held = engine.held_bytes().await;
    assert!((50_000..=100_000).contains(&held), "{held}");
}

// R28
#[test]
fn times_to_live_are_spread_and_never_longer_than_the_class_says() {
    let policy = Policy { jitter: 0.2, ttl: Duration::from_secs(10), ..policy::USER };
    assert_eq!(policy.jittered(0.0), Duration::from_secs(10));
    assert_eq!(policy.jittered(0.5), Duration::from_secs(9));
    assert_eq!(policy.jittered(1.0), Duration::from_secs(8));
}

// R25
#[test]
fn a_session_kept_here_and_at_the_gateway_is_still_revoked_within_a_second() {
    const AT_THE_GATEWAY: Duration = Duration::from_millis(900);
    assert!(policy::SESSION.ttl + AT_THE_GATEWAY < Duration::from_secs(1));
    for policy in [policy::USER, policy::IMAGE, policy::SESSION] {
        assert!(policy.tombstone_ttl >= policy.ttl, "{}", policy.class);
        assert!(policy.jitter > 0.0, "{}", policy.class);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(u64),
    Invalidate(u64),
    Forget(u64),
    Load(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let version = || 0..8_u64;
    prop_oneof![
        version().prop_map(Step::Set),
        version().prop_map(Step::Invalidate),
        version().prop_map(Step::Forget),
        version().prop_map(Step::Load)
    ]
}

proptest! {
    // R29
    #[test]
    fn under_any_interleaving_the_newest_wins(steps in prop::collection::vec(step(), 1..40), seed: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let end = runtime.block_on(async {
            let class = class();
            let mut seed = seed;
            let tasks = steps.iter().cloned().map(|step| {
                // Each task gives way a number of times drawn from the seed before and in the middle of its step.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (before, within, class) = (seed >> 60, seed >> 56 & 7, class.clone());
                async move {
                    give_way(before).await;
                    match step {
                        Step::Set(version) => drop(class.set_if_newer("1", version, &value(version)).await),
                        Step::Invalidate(version) => class.invalidate("1", version).await.unwrap(),
                        Step::Forget(version) => class.forget("1", version).await.unwrap(),
                        Step::Load(version) => {
                            let load = || async { give_way(within).await; Ok(Some((version, value(version)))) };
                            drop(class.get_or_load("1", load).await);
                        }
                    }
                }
            });
            futures::future::join_all(tasks).await;
            class.get("1").await
        });
        // Loads may or may not have been kept; all else must have been outlived by something as new.
        let written = |wanted: fn(&Step) -> Option<u64>| steps.iter().filter_map(wanted).max();
        let sets = written(|step| if let Step::Set(version) = step { Some(*version) } else { None });
        let gone = written(|step| if let Step::Forget(version) = step { Some(*version) } else { None });
        let stale = written(|step| if let Step::Invalidate(version) = step { Some(*version) } else { None });
        match end {
            Some(bytes) => {
                let version = u64::from(bytes[0]);
                prop_assert!(gone.is_none_or(|gone| version > gone));
                prop_assert!(sets.is_none_or(|set| version >= set));
                prop_assert!(stale.is_none_or(|stale| version >= stale));
            }
            None => prop_assert!(sets.is_none_or(|set| gone >= Some(set) || stale > Some(set))),
        }
    }
}

fn value(version: u64) -> Bytes {
    Bytes::from(vec![u8::try_from(version).unwrap()])
}

async fn give_way(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
