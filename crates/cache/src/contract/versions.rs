//! Older never replaces newer, and things run out.

use std::time::Duration;

use bytes::Bytes;

use super::{bytes, class, until};
use crate::{Cache, policy};

// R26
pub async fn what_was_set_is_got_until_it_runs_out(cache: Cache) {
    let class = class(&cache);
    assert_eq!(class.get("12").await, None);
    assert!(class.set_if_newer("12", 1, &bytes("john")).await);
    assert_eq!(class.get("12").await, Some(bytes("john")));
    assert!(class.set_if_newer_for("13", 1, &bytes("jane"), Duration::from_millis(5)).await);
    until(|| async { class.get("13").await.is_none() }).await;
    assert_eq!(class.get("12").await, Some(bytes("john")));
}

pub async fn every_value_comes_back_as_it_went_in(cache: Cache) {
    let class = class(&cache);
    let all: Vec<u8> = (0..=255).collect();
    for (id, value) in [("empty", Vec::new()), ("all", all), ("long", vec![7; 100_000])] {
        let value = Bytes::from(value);
        assert!(class.set_if_newer(id, 1, &value).await, "{id}");
        assert_eq!(class.get(id).await, Some(value), "{id}");
    }
}

// R24
pub async fn classes_do_not_meet(cache: Cache) {
    let (users, images) = (cache.class::<Bytes>(policy::USER), cache.class::<Bytes>(policy::IMAGE));
    users.set_if_newer("1", 1, &bytes("user")).await;
    assert_eq!(images.get("1").await, None);
}

pub async fn an_older_value_never_replaces_a_newer_one(cache: Cache) {
    let class = class(&cache);
    assert!(class.set_if_newer("12", 2, &bytes("new")).await);
    assert!(!class.set_if_newer("12", 1, &bytes("old")).await);
    assert!(!class.set_if_newer("12", 2, &bytes("other")).await);
    assert_eq!(class.get("12").await, Some(bytes("new")));
}

pub async fn an_invalidation_takes_the_old_value_and_waits_for_the_new_one(cache: Cache) {
    let class = class(&cache);
    class.set_if_newer("12", 1, &bytes("old")).await;
    class.invalidate("12", 2).await.unwrap();
    assert_eq!(class.get("12").await, None);
    assert!(!class.set_if_newer("12", 1, &bytes("old")).await);
    assert!(class.set_if_newer("12", 2, &bytes("new")).await);
    class.invalidate("12", 2).await.unwrap();
    assert_eq!(class.get("12").await, Some(bytes("new")), "the value of that version was already there");
}

pub async fn a_deletion_is_a_version_and_answers_without_loading(cache: Cache) {
    let class = class(&cache);
    class.set_if_newer("12", 3, &bytes("john")).await;
    class.forget("12", 4).await.unwrap();
    assert!(!class.set_if_newer("12", 3, &bytes("john")).await);
    assert!(!class.set_if_newer("12", 4, &bytes("john")).await);
    let found = class.get_or_load("12", || async { panic!("loaded what is known to be gone") }).await;
    assert_eq!(found, Ok(None));
}

/// An engine that counts in floating point would fail here: above 2^53 neighbours look the same, above 2^63 a sign may come in.
pub async fn the_greatest_versions_keep_their_order(cache: Cache) {
    let class = class(&cache);
    for (id, lower, upper) in [
        ("32 bits", u64::from(u32::MAX), u64::from(u32::MAX) + 1),
        ("53 bits", 1 << 53, (1 << 53) + 1),
        ("63 bits", (1 << 63) - 1, 1 << 63),
        ("64 bits", u64::MAX - 1, u64::MAX),
    ] {
        assert!(class.set_if_newer(id, lower, &bytes("lower")).await, "{id}");
        assert!(class.set_if_newer(id, upper, &bytes("upper")).await, "{id}");
        assert!(!class.set_if_newer(id, lower, &bytes("lower")).await, "{id}");
        assert_eq!(class.get(id).await, Some(bytes("upper")), "{id}");
    }
    class.forget("ended", u64::MAX).await.unwrap();
    assert!(!class.set_if_newer("ended", u64::MAX, &bytes("session")).await);
}

pub async fn within_a_version_stale_comes_before_value_before_gone(cache: Cache) {
    let class = class(&cache);
    class.invalidate("12", 5).await.unwrap();
    assert!(class.set_if_newer("12", 5, &bytes("john")).await);
    class.invalidate("12", 5).await.unwrap();
    assert_eq!(class.get("12").await, Some(bytes("john")));
    class.forget("12", 5).await.unwrap();
    assert_eq!(class.get("12").await, None);
    class.invalidate("12", 5).await.unwrap();
    assert!(!class.set_if_newer("12", 5, &bytes("john")).await);
}
