//! Hash, verify, and how the pool behaves when it is full or left.

use futures::future::join_all;
use password::{Error, Hasher, Settings, Verdict};

// Made with another implementation (argon2-cffi), today's parameters.
const GOLDEN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0";
// The same, with parameters below the floor, two lanes, a short salt and a short hash.
const WEAK: &str = "$argon2id$v=19$m=8192,t=1,p=2$MDEyMzQ1Njc$efUEneKKKhcP2XErexUYtA";

const RIGHT: Verdict = Verdict { ok: true, needs_rehash: false };
const WRONG: Verdict = Verdict { ok: false, needs_rehash: false };

fn hasher() -> Hasher {
    Hasher::new(Settings::default()).unwrap()
}

#[tokio::test]
async fn a_hash_is_a_phc_string_that_only_its_password_fits() {
    let hasher = hasher();
    let (one, two) = (
        hasher.hash("passwörter zählen".into()).await.unwrap(),
        hasher.hash("passwörter zählen".into()).await.unwrap(),
    );
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert_ne!(one, two, "each has a salt of its own");
    assert_eq!(hasher.verify(&one, "passwörter zählen".into()).await, Ok(RIGHT));
    assert_eq!(hasher.verify(&one, "passworter zahlen".into()).await, Ok(WRONG));
    assert_eq!(hasher.verify(&one, "".into()).await, Ok(WRONG));
}

#[tokio::test]
async fn every_one_of_256_characters_counts() {
    let hasher = hasher();
    let long = "x".repeat(255);
    let hash = hasher.hash(format!("{long}y").into()).await.unwrap();
    assert_eq!(hasher.verify(&hash, format!("{long}y").into()).await, Ok(RIGHT));
    assert_eq!(hasher.verify(&hash, format!("{long}z").into()).await, Ok(WRONG));
}

#[tokio::test]
async fn hashes_of_another_implementation_are_understood() {
    assert_eq!(hasher().verify(GOLDEN, "correct horse battery staple".into()).await, Ok(RIGHT));
}

#[tokio::test]
async fn a_right_password_below_todays_parameters_is_to_be_hashed_again() {
    let weak = hasher().verify(WEAK, "pässwörter zählen 🦀".into()).await.unwrap();
    assert_eq!(weak, Verdict { ok: true, needs_rehash: true });
    assert_eq!(hasher().verify(WEAK, "wrong".into()).await, Ok(WRONG), "a wrong one says nothing about the hash");
    let raised = Hasher::new(Settings { passes: 3, ..Settings::default() }).unwrap();
    let verdict = raised.verify(GOLDEN, "correct horse battery staple".into()).await.unwrap();
    assert_eq!(verdict, Verdict { ok: true, needs_rehash: true });
}

#[tokio::test]
async fn a_dummy_is_one_hash_and_never_right() {
    let hasher = hasher();
    assert_eq!(hasher.verify_dummy("correct horse battery staple".into()).await, Ok(WRONG));
    assert_eq!(hasher.hashes(), 1);
    hasher.verify(GOLDEN, "wrong".into()).await.unwrap();
    assert_eq!(hasher.hashes(), 2);
}

#[tokio::test]
async fn stored_hashes_that_are_not_ours_are_a_fault_and_not_a_wrong_password() {
    let hasher = hasher();
    for stored in [
        "",
        "plain",
        "$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAA",
        &GOLDEN.replace("m=19456", "m=4294967295"),
    ] {
        assert!(matches!(hasher.verify(stored, "x".into()).await, Err(Error::Stored(_))), "{stored}");
    }
    assert_eq!(hasher.hashes(), 0);
}

#[tokio::test]
async fn a_full_queue_is_busy_and_says_when_to_come_back() {
    let hasher = Hasher::new(Settings { queue: 1, ..Settings::default() }).unwrap();
    let results = join_all((0..8).map(|_| hasher.verify_dummy("x".into()))).await;
    let busy = results.iter().filter(|result| matches!(result, Err(Error::Busy { retry_after_s: 1..=60 }))).count();
    let done = results.iter().filter(|result| result.is_ok()).count();
    assert!(busy >= 1 && done >= 1 && busy + done == 8, "{results:?}");
    let error = model::Error::from(Error::Busy { retry_after_s: 2 });
    assert_eq!((error.code, error.retry_after_s), (model::Code::Busy, Some(2)));
}

#[tokio::test]
async fn what_its_caller_has_left_is_not_hashed() {
    let hasher = hasher();
    let abandoned: Vec<_> = (0..20).map(|_| Box::pin(hasher.verify_dummy("x".into()))).collect();
    let all = join_all(abandoned);
    // Polled once, so all are queued, then dropped.
    assert!(futures::future::poll_immediate(all).await.is_none());
    hasher.verify_dummy("x".into()).await.unwrap();
    assert!(
        hasher.hashes() <= 2,
        "the last one, and at most the one that was already being worked on: {}",
        hasher.hashes()
    );
}

#[test]
fn settings_below_the_floor_name_the_key_and_the_fix() {
    let wrong = [
        Settings { memory_kib: 19_455, ..Settings::default() },
        Settings { passes: 1, ..Settings::default() },
        Settings { lanes: 0, ..Settings::default() },
        Settings { threads: 0, ..Settings::default() },
        Settings { queue: 0, ..Settings::default() },
    ];
    for (settings, key) in wrong.into_iter().zip(["memory_kib", "passes", "lanes", "threads", "queue"]) {
        let error = settings.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("password.{key} is ")) && error.contains("use "), "{error}");
        assert!(Hasher::new(settings).is_err());
    }
}
