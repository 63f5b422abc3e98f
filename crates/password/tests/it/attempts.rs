//! The count of wrong passwords.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, join_all};
use password::{AttemptSettings, Attempts, Place, Standing, Tally, TooMany};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

async fn wrong(attempts: &Attempts, account: &str, now_ms: i64) {
    attempts.begin(account, now_ms).await.unwrap().wrong(now_ms);
}

async fn refusal(attempts: &Attempts, account: &str, now_ms: i64) -> Option<u32> {
    attempts.begin(account, now_ms).await.err().map(|TooMany { retry_after_s, .. }| retry_after_s)
}

#[tokio::test]
async fn the_eleventh_try_waits_until_the_first_wrong_one_is_an_hour_ago() {
    let attempts = Attempts::new(AttemptSettings::default());
    for minute in 0..10 {
        wrong(&attempts, "john@example.com", minute * 60_000).await;
    }
    assert_eq!(refusal(&attempts, "john@example.com", 10 * 60_000).await, Some(3_000));
    assert_eq!(refusal(&attempts, "john@example.com", HOUR - 1).await, Some(1));
    assert_eq!(refusal(&attempts, "jane@example.com", 10 * 60_000).await, None);
    wrong(&attempts, "john@example.com", HOUR).await;
    assert_eq!(refusal(&attempts, "john@example.com", HOUR).await, Some(60), "one place became free, not ten");
}

#[tokio::test]
async fn a_refusal_tells_the_limit_in_force() {
    let attempts = Attempts::new(AttemptSettings { limit: 1, window_ms: 60_000, ..AttemptSettings::default() });
    wrong(&attempts, "john@example.com", 0).await;
    let refused = attempts.begin("john@example.com", 0).await.err().map(model::Error::from).unwrap();
    assert_eq!((refused.code, refused.retry_after_s), (model::Code::RateLimited, Some(60)));
    assert_eq!(refused.policy.as_deref(), Some("\"account\";q=1;w=60"));
}

#[tokio::test]
async fn a_right_password_counts_for_nothing_and_resets_nothing() {
    let attempts = Attempts::new(AttemptSettings::default());
    for _ in 0..100 {
        drop(attempts.begin("john@example.com", 0).await.unwrap());
    }
    assert!(attempts.is_empty());
    for _ in 0..9 {
        wrong(&attempts, "john@example.com", 0).await;
    }
    drop(attempts.begin("john@example.com", 0).await.unwrap());
    wrong(&attempts, "john@example.com", 0).await;
    assert_eq!(refusal(&attempts, "john@example.com", 0).await, Some(3_600));
}

#[tokio::test]
async fn twenty_tries_at_once_are_ten_verdicts_and_ten_refusals() {
    let attempts = Attempts::new(AttemptSettings::default());
    let verdicts = AtomicUsize::new(0);
    let tries = (0..20).map(|_| async {
        let attempt = attempts.begin("john@example.com", 0).await.ok()?;
        tokio::task::yield_now().await;
        verdicts.fetch_add(1, Ordering::Relaxed);
        attempt.wrong(0);
        Some(())
    });
    let through = join_all(tries).await.into_iter().flatten().count();
    assert_eq!((through, verdicts.load(Ordering::Relaxed)), (10, 10));
}

#[tokio::test]
async fn twenty_right_passwords_at_once_all_get_their_turn() {
    let attempts = Arc::new(Attempts::new(AttemptSettings::default()));
    let tries = (0..20).map(|_| async {
        let attempt = attempts.begin("john@example.com", 0).await.unwrap();
        tokio::task::yield_now().await;
        drop(attempt);
    });
    join_all(tries).await;
    assert!(attempts.is_empty());
}

#[tokio::test]
async fn memory_is_bounded_and_the_longest_quiet_account_is_forgotten_first() {
    let attempts = Attempts::new(AttemptSettings { accounts: 100, ..AttemptSettings::default() });
    for number in 0..1_000_i64 {
        wrong(&attempts, &format!("{number}@example.com"), number).await;
        assert!(attempts.len() <= 100);
    }
    for _ in 0..9 {
        wrong(&attempts, "999@example.com", 1_000).await;
    }
    assert!(refusal(&attempts, "999@example.com", 1_000).await.is_some());
    assert!(refusal(&attempts, "0@example.com", 1_000).await.is_none());
}

/// A count in memory, as several processes would share one; away when it says so.
#[derive(Default)]
struct Shared {
    counted: Mutex<(Vec<i64>, Vec<u64>)>,
    away: AtomicBool,
}

impl Tally for Shared {
    fn enter<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Option<Standing>> {
        let (wrong, under_way) = &mut *self.counted.lock().unwrap();
        let standing = if self.away.load(Ordering::Relaxed) {
            None
        } else if wrong.len() >= place.settings.limit {
            Some(Standing::Full(wrong[0]))
        } else if wrong.len() + under_way.len() >= place.settings.limit {
            Some(Standing::Wait)
        } else {
            under_way.push(place.id);
            Some(Standing::Open)
        };
        Box::pin(std::future::ready(standing))
    }

    fn leave(&self, place: Place, wrong_at_ms: Option<i64>) {
        let (wrong, under_way) = &mut *self.counted.lock().unwrap();
        under_way.retain(|id| *id != place.id);
        wrong.extend(wrong_at_ms);
    }
}

#[tokio::test]
async fn two_processes_that_share_a_count_allow_ten_together() {
    let shared = Arc::new(Shared::default());
    let one = Attempts::counting(AttemptSettings::default(), Some(shared.clone()));
    let other = Attempts::counting(AttemptSettings::default(), Some(shared.clone()));
    let through = AtomicUsize::new(0);
    join_all((0..40).map(async |number| {
        let here = if number % 2 == 0 { &one } else { &other };
        if let Ok(attempt) = here.begin("john@example.com", 0).await {
            tokio::task::yield_now().await;
            through.fetch_add(1, Ordering::Relaxed);
            attempt.wrong(0);
        }
    }))
    .await;
    assert_eq!(through.load(Ordering::Relaxed), 10);
    assert_eq!(shared.counted.lock().unwrap().1, Vec::<u64>::new(), "every place was given back");
}

#[tokio::test]
async fn a_count_that_does_not_answer_leaves_each_process_its_own() {
    let shared = Arc::new(Shared::default());
    shared.away.store(true, Ordering::Relaxed);
    let attempts = Attempts::counting(AttemptSettings::default(), Some(shared));
    for _ in 0..10 {
        wrong(&attempts, "john@example.com", 0).await;
    }
    assert_eq!(refusal(&attempts, "john@example.com", 0).await, Some(3_600));
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_the_limit(steps in prop::collection::vec(0..20_i64, 1..200)) {
        let attempts = Attempts::new(AttemptSettings { limit: 3, window_ms: 50, accounts: 10 });
        let (mut now_ms, mut counted) = (0, Vec::new());
        for step in steps {
            now_ms += step;
            if let Ok(attempt) = futures::executor::block_on(attempts.begin("john", now_ms)) {
                attempt.wrong(now_ms);
                counted.push(now_ms);
            }
        }
        for window in counted.windows(4) {
            prop_assert!(window[3] - window[0] >= 50, "{:?}", window);
        }
    }
}
