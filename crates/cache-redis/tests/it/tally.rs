//! The count of wrong passwords, shared by two processes on a real Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_redis::{Opened, Settings, open};
use futures::future::join_all;
use password::{AttemptSettings, Attempts};

use crate::{server, until};

/// The count of one process, and its upkeep.
fn process(settings: &Settings) -> (Attempts, cache_redis::Upkeep) {
    let Opened { tally, upkeep, .. } = open(settings).unwrap();
    (Attempts::counting(AttemptSettings::default(), tally), upkeep)
}

// R8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_wrong_passwords_are_enough_however_many_processes_are_asked() {
    let server = server().await;
    let settings = Settings { redis: Some(server.patient()), ..Settings::default() };
    let ((one, one_upkeep), (other, other_upkeep)) = (process(&settings), process(&settings));
    let through = Arc::new(AtomicUsize::new(0));
    let story = async {
        join_all((0..40).map(async |number| {
            let here = if number % 2 == 0 { &one } else { &other };
            if let Ok(attempt) = here.begin("john@example.com", 1_000).await {
                through.fetch_add(1, Ordering::Relaxed);
                attempt.wrong(1_000);
            }
        }))
        .await;
        assert_eq!(through.load(Ordering::Relaxed), 10);
        let refused = other.begin("john@example.com", 61_000).await.err().unwrap();
        assert_eq!(refused.retry_after_s, 3_540, "until the oldest leaves the window, wherever it was counted");
        assert!(one.begin("jane@example.com", 1_000).await.is_ok(), "another account");
        assert!(one.begin("john@example.com", 3_601_000).await.is_ok(), "an hour later");
    };
    tokio::select! {
        () = one_upkeep => {}
        () = other_upkeep => {}
        () = story => {}
    }
}

// R27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_passwords_take_no_place_for_good_and_a_dead_redis_stops_nobody() {
    let mut server = server().await;
    let settings = Settings { redis: Some(server.settings()), ..Settings::default() };
    let (attempts, upkeep) = process(&settings);
    let story = async {
        for _ in 0..30 {
            drop(attempts.begin("john@example.com", 1_000).await.unwrap());
        }
        server.redis.kill().await.unwrap();
        for _ in 0..10 {
            attempts.begin("john@example.com", 1_000).await.unwrap().wrong(1_000);
        }
        assert!(attempts.begin("john@example.com", 1_000).await.is_err(), "each process counts for itself");
        server.redis.restart().await.unwrap();
        until("it is counted together again", || async { attempts.begin("jane@example.com", 1_000).await.is_ok() })
            .await;
    };
    tokio::select! {
        () = upkeep => {}
        () = story => {}
    }
}
