//! The near tier over a shared one: what other processes do is seen, what cannot be told is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache::{BoxFuture, Cache, Class, Engine, Entry, Error, InProcess, Policy, Settings, State, Tiered, policy};

/// A near time to live that no test outlasts: what is seen sooner is not seen by waiting.
const LONG: Duration = Duration::from_mins(1);

/// A shared engine that can be away.
struct Shared {
    entries: InProcess,
    away: AtomicBool,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { entries: InProcess::new(Settings::default()), away: AtomicBool::new(false) })
    }

    fn answer(&self) -> Result<&InProcess, Error> {
        if self.away.load(Ordering::Relaxed) { Err(Error("away".to_owned())) } else { Ok(&self.entries) }
    }
}

impl Engine for Shared {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>> {
        Box::pin(async move { self.answer()?.get(key).await })
    }

    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.answer()?.set_if_newer(key, entry, ttl).await })
    }
}

struct Process {
    tiered: Arc<Tiered>,
    users: Class<Bytes>,
}

fn process(shared: &Arc<Shared>) -> Process {
    let near = InProcess::new(Settings::default());
    let tiered = Arc::new(Tiered::new(near, Arc::clone(shared) as Arc<dyn Engine>, LONG));
    let users = Cache::tiered(Arc::clone(&tiered)).class(Policy { ..policy::USER });
    Process { tiered, users }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn a_value_set_by_one_process_is_found_by_another_and_kept_near() {
    let shared = Shared::new();
    let (one, other) = (process(&shared), process(&shared));
    one.users.set_if_newer("12", 1, &bytes("john")).await;
    assert_eq!(other.users.get("12").await, Some(bytes("john")));
    shared.away.store(true, Ordering::Relaxed);
    assert_eq!(other.users.get("12").await, Some(bytes("john")), "it is near by now");
    assert_eq!(other.users.get("13").await, None, "what is not near is a miss");
}

#[tokio::test]
async fn what_is_heard_buries_the_near_copy() {
    let shared = Shared::new();
    let (one, other) = (process(&shared), process(&shared));
    one.users.set_if_newer("12", 1, &bytes("old")).await;
    assert_eq!(other.users.get("12").await, Some(bytes("old")));
    one.users.set_if_newer("12", 2, &bytes("new")).await;
    assert_eq!(other.users.get("12").await, Some(bytes("old")), "nobody has told it");
    other.tiered.hear("user:12", Entry { version: 2, state: State::Stale }).await;
    assert_eq!(other.users.get("12").await, Some(bytes("new")));
    one.users.forget("12", 3).await.unwrap();
    other.tiered.hear("user:12", Entry { version: 3, state: State::Gone }).await;
    let found = other.users.get_or_load("12", || async { panic!("loaded what is known to be gone") }).await;
    assert_eq!(found, Ok(None));
}

#[tokio::test]
async fn after_missed_messages_no_near_value_is_answered_but_deletions_are_remembered() {
    let shared = Shared::new();
    let (one, other) = (process(&shared), process(&shared));
    one.users.set_if_newer("12", 1, &bytes("old")).await;
    assert_eq!(other.users.get("12").await, Some(bytes("old")));
    one.users.set_if_newer("12", 2, &bytes("new")).await;
    other.users.forget("13", 5).await.unwrap();
    other.tiered.distrust();
    assert_eq!(other.users.get("12").await, Some(bytes("new")));
    shared.away.store(true, Ordering::Relaxed);
    assert_eq!(other.users.get("12").await, Some(bytes("new")), "and the new one is trusted");
    assert!(!other.users.set_if_newer("13", 4, &bytes("jane")).await);
    assert_eq!(other.users.get("13").await, None);
}

// R27
#[tokio::test]
async fn without_the_shared_engine_values_are_kept_near_and_loads_go_on() {
    let shared = Shared::new();
    let one = process(&shared);
    shared.away.store(true, Ordering::Relaxed);
    let load = || async { Ok(Some((1, bytes("john")))) };
    assert_eq!(one.users.get_or_load("12", load).await, Ok(Some(bytes("john"))));
    let found = one.users.get_or_load("12", || async { panic!("it is near") }).await;
    assert_eq!(found, Ok(Some(bytes("john"))));
}

#[tokio::test]
async fn a_deletion_that_the_shared_engine_missed_is_repeated_until_it_has_heard_it() {
    let shared = Shared::new();
    let (one, other) = (process(&shared), process(&shared));
    one.users.set_if_newer("12", 1, &bytes("john")).await;
    shared.away.store(true, Ordering::Relaxed);
    assert!(one.users.forget("12", 2).await.is_err(), "the caller is told");
    assert_eq!(one.users.get("12").await, None, "here it counts at once");
    shared.away.store(false, Ordering::Relaxed);
    assert_eq!(one.users.get("12").await, None, "what the shared engine still has is older than what is known here");

    let seen = async {
        let begun = Instant::now();
        while other.users.get("12").await.is_some() {
            assert!(begun.elapsed() < Duration::from_secs(10), "it was never repeated");
            other.tiered.distrust();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = one.tiered.repeat() => panic!("it ended"),
        () = seen => {}
    }
    assert!(!other.users.set_if_newer("12", 1, &bytes("john")).await);
}

#[tokio::test]
async fn a_value_outdated_in_the_shared_engine_is_not_answered_near_either() {
    let shared = Shared::new();
    let (one, other) = (process(&shared), process(&shared));
    one.users.set_if_newer("12", 1, &bytes("first")).await;
    other.users.set_if_newer("12", 3, &bytes("third")).await;
    assert!(!one.users.set_if_newer("12", 2, &bytes("second")).await);
    assert_eq!(one.users.get("12").await, Some(bytes("third")));
}
