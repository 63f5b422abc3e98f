//! Things run out in time, memory is bounded, and the order of entries is a total one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::{Engine as _, Entry, InProcess, Policy, Settings, State, Ttl, policy};
use proptest::prelude::*;

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
    let policy =
        Policy { jitter: 0.2, ttl: Duration::from_secs(10), shared_ttl: Duration::from_secs(100), ..policy::USER };
    let seconds = |near, shared| Ttl { near: Duration::from_secs(near), shared: Duration::from_secs(shared) };
    assert_eq!(policy.jittered(0.0), seconds(10, 100));
    assert_eq!(policy.jittered(0.5), seconds(9, 90));
    assert_eq!(policy.jittered(1.0), seconds(8, 80));
    assert_eq!(policy.at_most(Duration::from_secs(50)), seconds(10, 50));
}

// R25
#[test]
fn a_session_kept_here_and_at_the_gateway_is_still_revoked_within_a_second_and_in_a_fault_within_thirty() {
    const AT_THE_GATEWAY: Duration = Duration::from_millis(900);
    let near = policy::SESSION.ttl + AT_THE_GATEWAY;
    assert!(near < Duration::from_secs(1));
    assert!(policy::SESSION.shared_ttl + near < Duration::from_secs(30));
    for policy in [policy::USER, policy::IMAGE, policy::SESSION] {
        assert!(policy.tombstone_ttl >= policy.ttl.max(policy.shared_ttl), "{}", policy.class);
        assert!(policy.jitter > 0.0, "{}", policy.class);
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    let state = prop_oneof![
        Just(State::Stale),
        any::<u8>().prop_map(|byte| State::Value(Bytes::from(vec![byte]))),
        Just(State::Gone)
    ];
    (prop_oneof![0..4_u64, u64::MAX - 2..=u64::MAX], state).prop_map(|(version, state)| Entry { version, state })
}

proptest! {
    // R29: keeping the newer of two is a maximum, so neither the order nor the number of arrivals matters.
    #[test]
    fn of_two_entries_at_most_one_is_newer_and_newer_is_transitive(a in entry(), b in entry(), c in entry()) {
        prop_assert!(!(a.is_newer_than(&b) && b.is_newer_than(&a)));
        prop_assert!(!a.is_newer_than(&a));
        prop_assert!(!(a.is_newer_than(&b) && b.is_newer_than(&c)) || a.is_newer_than(&c));
    }
}
