//! Several processes over one Redis.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache::{Engine as _, Entry, Lease, State};
use futures::future::join_all;

use crate::{bytes, process, server, until};

/// A near time to live that no test outlasts: what is seen sooner was heard.
const LONG: Duration = Duration::from_mins(5);

// R24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_misses_in_two_processes_are_one_load_or_where_the_machine_is_slow_one_each() {
    let server = server().await;
    let settings = server.patient();
    let processes = [process(&settings, LONG), process(&settings, LONG)];
    let loads = AtomicUsize::new(0);
    let callers = (0..1_000).map(|number| {
        processes[number % 2].users.get_or_load("12", || async {
            loads.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Some((1, bytes("john"))))
        })
    });
    let found = join_all(callers).await;
    assert!(found.iter().all(|found| *found == Ok(Some(bytes("john")))));
    // A load that takes longer than the others wait is made again, once a process.
    assert!((1..=2).contains(&loads.load(Ordering::Relaxed)), "{loads:?}");
}

#[tokio::test]
async fn of_two_processes_one_may_load_and_the_other_finds_what_it_has_set() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG).redis, process(&settings, LONG).redis);
    let minute = Duration::from_mins(1);
    assert_eq!(one.lease("user:12", minute).await, Ok(Lease::Granted));
    assert_eq!(other.lease("user:12", minute).await, Ok(Lease::Taken));
    one.release("user:12").await;
    assert_eq!(other.lease("user:12", minute).await, Ok(Lease::Granted));
    let entry = Entry { version: 1, state: State::Value(bytes("john")) };
    assert_eq!(other.set_if_newer("user:12", entry.clone(), minute).await, Ok(true));
    assert_eq!(one.lease("user:12", minute).await, Ok(Lease::Found(entry)));
    let stale = Entry { version: 2, state: State::Stale };
    assert_eq!(one.set_if_newer("user:12", stale, minute).await, Ok(true));
    assert_eq!(
        other.lease("user:12", minute).await,
        Ok(Lease::Granted),
        "what is stale is to be loaded, and no lease outlives it"
    );
}

#[tokio::test]
async fn a_process_that_dies_with_its_lease_delays_the_others_for_a_moment_only() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    let never_loads = one.users.get_or_load("12", std::future::pending);
    assert!(tokio::time::timeout(Duration::from_millis(200), never_loads).await.is_err());
    let begun = std::time::Instant::now();
    let found = other.users.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(found, Ok(Some(bytes("john"))));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_does_not_exist_does_not_keep_the_others_waiting() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    assert_eq!(one.users.get_or_load("12", || async { Ok(None) }).await, Ok(None));
    let leases = server.redis.command("EXISTS myriad:{user:12}:lease").await.unwrap();
    assert!(leases.starts_with(":0"), "{leases}");
    let found = other.users.get_or_load("12", || async { Ok(Some((1, bytes("john")))) }).await;
    assert_eq!(found, Ok(Some(bytes("john"))));
}

// R29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_and_a_change_are_heard_by_the_other_process_within_a_second() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    let story = async {
        // Subscribed once a change is heard at all.
        until("the other process hears", || async {
            one.users.set_if_newer("0", 1, &bytes("old")).await;
            one.users.invalidate("0", 2).await.unwrap();
            server.redis.command("PUBSUB NUMSUB myriad:invalidations").await.unwrap().contains(":1")
        })
        .await;
        for round in 1..=20_u64 {
            let id = round.to_string();
            one.users.set_if_newer(&id, 1, &bytes("old")).await;
            assert_eq!(other.users.get(&id).await, Some(bytes("old")));
            one.users.set_if_newer(&id, 2, &bytes("new")).await;
            let took = until("the change", || async { other.users.get(&id).await == Some(bytes("new")) }).await;
            assert!(took < Duration::from_secs(1), "{took:?}");
            one.users.forget(&id, 3).await.unwrap();
            let took = until("the deletion", || async { other.users.get(&id).await.is_none() }).await;
            assert!(took < Duration::from_secs(1), "{took:?}");
            assert!(!other.users.set_if_newer(&id, 2, &bytes("new")).await);
        }
    };
    tokio::select! {
        () = other.redis.upkeep(&other.tiered) => {}
        () = story => {}
    }
}

#[tokio::test]
async fn an_invalidation_that_comes_after_its_value_is_told_all_the_same() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    let story = async {
        until("subscribed", || async {
            server.redis.command("PUBSUB NUMSUB myriad:invalidations").await.unwrap().contains(":1")
        })
        .await;
        one.users.set_if_newer("12", 1, &bytes("old")).await;
        assert_eq!(other.users.get("12").await, Some(bytes("old")));
        // Redis has forgotten the old value, so nobody is told of the new one.
        server.redis.command("DEL myriad:{user:12}").await.unwrap();
        assert!(one.users.set_if_newer("12", 2, &bytes("new")).await);
        assert_eq!(other.users.get("12").await, Some(bytes("old")), "it was not told");
        // The outbox says that version 2 exists. Redis knows that already; the others do not.
        one.users.invalidate("12", 2).await.unwrap();
        until("the change", || async { other.users.get("12").await == Some(bytes("new")) }).await;
    };
    tokio::select! {
        () = other.redis.upkeep(&other.tiered) => {}
        () = story => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_missed_during_a_cut_is_made_good_when_the_subscription_is_back() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    one.users.set_if_newer("12", 1, &bytes("old")).await;
    assert_eq!(other.users.get("12").await, Some(bytes("old")));
    // Nobody listens: the message goes to nobody.
    one.users.set_if_newer("12", 2, &bytes("new")).await;
    one.users.forget("13", 1).await.unwrap();
    assert_eq!(other.users.get("12").await, Some(bytes("old")), "it was not told");
    let back = until("the near copy is given up", || async { other.users.get("12").await == Some(bytes("new")) });
    tokio::select! {
        () = other.redis.upkeep(&other.tiered) => {}
        _ = back => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_was_cut_is_made_again() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    let subscribed =
        || async { server.redis.command("PUBSUB NUMSUB myriad:invalidations").await.unwrap().contains(":1") };
    let story = async {
        until("subscribed", subscribed).await;
        for version in [1, 3, 5] {
            one.users.set_if_newer("12", version, &bytes("old")).await;
            until("the old one", || async { other.users.get("12").await == Some(bytes("old")) }).await;
            server.redis.command("CLIENT KILL TYPE pubsub").await.unwrap();
            one.users.set_if_newer("12", version + 1, &bytes("new")).await;
            until("the new one", || async { other.users.get("12").await == Some(bytes("new")) }).await;
            until("subscribed again", subscribed).await;
        }
    };
    tokio::select! {
        () = other.redis.upkeep(&other.tiered) => {}
        () = story => {}
    }
}

#[tokio::test]
async fn a_message_of_another_release_makes_nothing_near_trusted() {
    let server = server().await;
    let settings = server.patient();
    let (one, other) = (process(&settings, LONG), process(&settings, LONG));
    let story = async {
        until("subscribed", || async {
            server.redis.command("PUBSUB NUMSUB myriad:invalidations").await.unwrap().contains(":1")
        })
        .await;
        one.users.set_if_newer("12", 1, &bytes("old")).await;
        assert_eq!(other.users.get("12").await, Some(bytes("old")));
        server.redis.command("DEL myriad:{user:12}").await.unwrap();
        assert_eq!(other.users.get("12").await, Some(bytes("old")), "it is near");
        server.redis.command(r#"PUBLISH myriad:invalidations "\x02 of another release""#).await.unwrap();
        until("it is given up", || async { other.users.get("12").await.is_none() }).await;
    };
    tokio::select! {
        () = other.redis.upkeep(&other.tiered) => {}
        () = story => {}
    }
}

// R25
#[tokio::test]
async fn a_revocation_counts_in_another_process_though_it_hears_nothing() {
    let server = server().await;
    let settings = server.patient();
    let [one, other] = [(); 2].map(|()| process(&settings, Duration::from_secs(1)));
    let [ends, validates] = [&one, &other].map(|process| process.cache.class::<bytes::Bytes>(cache::policy::SESSION));
    ends.set_if_newer("1:a", 1_700_000_000_000, &bytes("live")).await;
    assert_eq!(validates.get("1:a").await, Some(bytes("live")));
    ends.forget("1:a", u64::MAX).await.unwrap();
    let took = until("it is not live", || async { validates.get("1:a").await.is_none() }).await;
    assert!(took < Duration::from_millis(100), "it was near for {took:?}, and the gateway adds 900 ms");
    assert!(!validates.set_if_newer("1:a", 1_700_000_060_000, &bytes("live")).await, "it stays over");
}
