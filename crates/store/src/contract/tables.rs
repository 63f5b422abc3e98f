//! Laws of the tables: what their statements promise.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    Bucket, ImageId, SessionId,
    image::{Image, ImageStatus, JobError, Source, Variant},
    profile::{Address, PostalCode, ProfilePicture},
};

use super::{NOW, add_user, own, set_owner, shard, user, user_id};
use crate::{
    Engine,
    tables::{
        bucket_owner, credentials, email_claims, idempotency,
        images::{self, ImageRow},
        inbox, outbox,
        sessions::{self, SessionRow},
        users,
    },
};

pub(super) fn session(user: u64, id: u8, created_at_ms: i64) -> SessionRow {
    SessionRow {
        user_id: user_id(user),
        id: SessionId([id; 16]),
        session_epoch: 1,
        created_at_ms,
        last_seen_at_ms: created_at_ms,
        expires_at_ms: NOW + 1_000_000,
        ip: "192.0.2.7".to_owned(),
        user_agent: "curl/8".to_owned(),
        revoked_at_ms: None,
    }
}

pub(super) fn image(user: u64, number: u8) -> ImageRow {
    ImageRow {
        version: 1,
        image: Image {
            id: ImageId::from_bytes([number; 16]),
            user_id: user_id(user),
            status: ImageStatus::Queued,
            attempts: 0,
            error: None,
            source: Source {
                width: 4000,
                height: 3000,
                bytes: 2_000_000,
                format: "jpeg".to_owned(),
                key: "k".to_owned(),
            },
            variants: Vec::new(),
            created_at_ms: NOW,
            finished_at_ms: None,
            request_json: "{}".to_owned(),
        },
    }
}

pub(super) fn request(number: u8) -> idempotency::RequestRow {
    idempotency::RequestRow {
        scope: "scope".to_owned(),
        key_hash: [number; 32],
        request_hash: [1; 32],
        operation: "op-1".to_owned(),
        subject: "12".to_owned(),
        deadline_ms: NOW + 10_000,
        answer: None,
        expires_at_ms: NOW + 86_400_000,
    }
}

pub async fn an_email_is_claimed_once_and_by_its_operation_only(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    let claims = shard
        .write(own(3), |tx| {
            Box::pin(async move {
                let (a, b) = (user_id(12), user_id(13));
                assert!(email_claims::reserve(tx, "x@example.com", a, "op-a", NOW + 5).await?);
                assert!(!email_claims::reserve(tx, "x@example.com", b, "op-b", NOW).await?);
                assert!(!email_claims::confirm(tx, "x@example.com", "op-b").await?);
                assert!(!email_claims::release_reserved(tx, "x@example.com", "op-b").await?);
                assert!(email_claims::extend(tx, "x@example.com", "op-a", NOW + 9).await?);
                assert!(email_claims::confirm(tx, "x@example.com", "op-a").await?);
                assert!(
                    email_claims::confirm(tx, "x@example.com", "op-a").await?,
                    "confirming twice is the same"
                );
                assert!(
                    !email_claims::release_reserved(tx, "x@example.com", "op-a").await?,
                    "a confirmed claim stays"
                );
                assert!(!email_claims::release_of_user(tx, "x@example.com", b).await?);
                assert!(email_claims::reserve(tx, "late@example.com", b, "op-c", NOW - 1).await?);
                email_claims::get(tx, Bucket(3), "x@example.com").await
            })
        })
        .await
        .unwrap()
        .value
        .unwrap();
    assert_eq!(
        (claims.user_id, claims.state, claims.deadline_ms),
        (user_id(12), email_claims::State::Confirmed, NOW + 9)
    );
    let overdue = email_claims::overdue(&mut shard.read_all(), NOW, 10).await.unwrap();
    assert_eq!(overdue.len(), 1);
    assert_eq!(
        (overdue[0].own, overdue[0].row.email.as_str()),
        (own(3), "late@example.com")
    );
    set_owner(&engine, 3, 1, bucket_owner::State::Fenced).await;
    assert!(
        email_claims::overdue(&mut shard.read_all(), NOW, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn of_twenty_that_race_for_an_email_one_gets_it(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    let claims = (1..=20).map(|id| {
        shard.write(own(3), move |tx| {
            Box::pin(
                async move { email_claims::reserve(tx, "x@example.com", user_id(id), &format!("op-{id}"), NOW).await },
            )
        })
    });
    let ended = futures::future::join_all(claims).await;
    let winners: Vec<u64> = (1..)
        .zip(ended)
        .filter_map(|(id, ended)| ended.unwrap().value.then_some(id))
        .collect();
    assert_eq!(winners.len(), 1);
    let claim = email_claims::get(&mut shard.read(own(3)), Bucket(3), "x@example.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claim.user_id.get(), winners[0]);
}

pub async fn a_user_changes_by_its_version_only_and_a_void_id_stays_barred(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    let mut row = user(12);
    row.picture_version = 3;
    row.user.address = Some(Address {
        postal_code: Some(PostalCode("02134".to_owned())),
        ..Address::default()
    });
    row.user.picture = Some(ProfilePicture {
        image_id: ImageId::from_bytes([1; 16]),
        variant: "default".to_owned(),
        key: "key".to_owned(),
        version: 3,
    });
    let deleted = shard
        .write(own(12), move |tx| {
            Box::pin(async move {
                assert!(users::insert(tx, &row).await?);
                assert!(!users::insert(tx, &user(12)).await?, "an id is given once");
                assert_eq!(users::get_live(tx, Bucket(12), user_id(12)).await?.as_ref(), Some(&row));
                let mut next = row.clone();
                next.user.version = 2;
                next.user.first_name = String::from("Jane");
                assert!(!users::update(tx, 7, &next).await?);
                assert!(users::update(tx, 1, &next).await?);
                assert!(!users::update(tx, 1, &next).await?, "the version has risen");
                assert_eq!(users::raise_session_epoch(tx, user_id(12)).await?, Some(2));
                let present = users::get(tx, Bucket(12), user_id(12)).await?.unwrap();
                assert_eq!((present.session_epoch, present.user.version), (2, 2));
                assert!(users::delete(tx, &present, NOW + 1).await?);
                assert!(!users::update(tx, 3, &next).await?, "a tombstone does not rise");
                assert_eq!(users::raise_session_epoch(tx, user_id(12)).await?, None);
                users::get(tx, Bucket(12), user_id(12)).await
            })
        })
        .await
        .unwrap()
        .value
        .unwrap();
    assert_eq!(
        (deleted.state, deleted.session_epoch, deleted.picture_version),
        (users::State::Deleted, 3, 3)
    );
    assert_eq!(
        (deleted.user.email.as_str(), deleted.user.picture, deleted.user.address),
        ("", None, None)
    );
    // The sweeper's row meets the late creator.
    let late = shard
        .write(own(13), |tx| {
            Box::pin(async move {
                assert!(users::insert_void(tx, user_id(13), NOW).await?);
                users::insert(tx, &user(13)).await
            })
        })
        .await
        .unwrap();
    assert!(!late.value);
    assert_eq!(
        users::get_live(&mut shard.read(own(13)), Bucket(13), user_id(13))
            .await
            .unwrap(),
        None
    );
}

pub async fn many_users_come_in_few_statements_and_none_twice(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 512).await;
    for id in 1..=150 {
        add_user(&shard, id).await;
    }
    for asked in [0_u64, 1, 7, 8, 9, 63, 64, 65, 128, 150, 200] {
        let keys: Vec<_> = (1..=asked)
            .map(|id| (Bucket::of_user(user_id(id)), user_id(id)))
            .collect();
        let found = users::get_many(&mut shard.read_all(), &keys).await.unwrap();
        let ids: BTreeSet<u64> = found.iter().map(|row| row.user.id.get()).collect();
        assert_eq!(ids, (1..=asked.min(150)).collect(), "{asked}");
        assert_eq!(found.len(), ids.len(), "{asked}");
    }
    // A right id in a wrong bucket is nobody.
    assert!(
        users::get_many(&mut shard.read_all(), &[(Bucket(2), user_id(1))])
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn users_are_listed_in_the_order_of_ids_over_owned_buckets(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 64).await;
    for id in [4096 + 5, 3, 60, 4096 + 1, 9] {
        add_user(&shard, id).await;
    }
    set_owner(&engine, 9, 2, bucket_owner::State::Gone).await;
    let mut read = shard.read_all();
    let first = users::page(&mut read, 0, 2).await.unwrap();
    let second = users::page(&mut read, first[1].user.id.get(), 10).await.unwrap();
    let ids: Vec<u64> = first.iter().chain(&second).map(|row| row.user.id.get()).collect();
    assert_eq!(ids, [3, 60, 4097, 4101]);
}

// R41
pub async fn a_session_is_made_only_in_the_epoch_of_its_credentials(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    add_user(&shard, 12).await;
    shard
        .write(own(12), |tx| {
            Box::pin(async move {
                let id = user_id(12);
                credentials::set(tx, id, "phc-1", NOW).await?;
                let read = credentials::for_sign_in(tx, Bucket(12), id).await?.unwrap();
                assert_eq!(
                    (read.phc.as_str(), read.session_epoch, read.email_normal.as_str()),
                    ("phc-1", 1, "user12@example.com")
                );
                assert!(sessions::insert(tx, &session(12, 1, NOW)).await?);
                assert!(
                    sessions::insert(tx, &session(12, 1, NOW)).await?,
                    "a repeat counts as made"
                );
                assert!(
                    sessions::get(tx, Bucket(12), id, SessionId([1; 16]))
                        .await?
                        .unwrap()
                        .is_live(NOW)
                );
                // The password changes while another signs in with the old one.
                credentials::set(tx, id, "phc-2", NOW).await?;
                assert!(!credentials::rehash(tx, id, "phc-1", "phc-1-stronger").await?);
                let epoch = users::raise_session_epoch(tx, id).await?.unwrap();
                assert!(!sessions::insert(tx, &session(12, 2, NOW)).await?);
                let over = sessions::get(tx, Bucket(12), id, SessionId([1; 16])).await?.unwrap();
                assert!(!over.is_live(NOW));
                assert!(sessions::carry_over(tx, id, SessionId([1; 16]), epoch).await?);
                assert!(
                    sessions::get(tx, Bucket(12), id, SessionId([1; 16]))
                        .await?
                        .unwrap()
                        .is_live(NOW)
                );
                Ok(())
            })
        })
        .await
        .unwrap();
}

// R41
pub async fn the_oldest_sessions_end_and_others_stay(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    add_user(&shard, 12).await;
    add_user(&shard, 13).await;
    shard
        .write(own(12), |tx| {
            Box::pin(async move {
                let id = user_id(12);
                for number in 1..=6 {
                    assert!(sessions::insert(tx, &session(12, number, NOW + i64::from(number))).await?);
                }
                let ended = sessions::revoke_oldest(tx, id, 4, NOW + 10).await?;
                assert_eq!(
                    ended.iter().map(|id| id.0[0]).collect::<BTreeSet<_>>(),
                    BTreeSet::from([1, 2])
                );
                assert!(sessions::revoke(tx, id, SessionId([3; 16]), NOW + 10).await?);
                assert!(
                    !sessions::revoke(tx, id, SessionId([3; 16]), NOW + 10).await?,
                    "over is over"
                );
                assert!(
                    !sessions::revoke(tx, user_id(11), SessionId([4; 16]), NOW + 10).await?,
                    "another's"
                );
                assert!(sessions::touch(tx, id, SessionId([6; 16]), NOW + 60_000, NOW + 2_000_000).await?);
                assert!(!sessions::touch(tx, id, SessionId([3; 16]), NOW + 60_000, NOW).await?);
                let live = sessions::live_of_user(tx, Bucket(12), id, NOW + 10).await?;
                assert_eq!(live.iter().map(|row| row.id.0[0]).collect::<Vec<_>>(), [6, 5, 4]);
                assert_eq!(live[0].expires_at_ms, NOW + 2_000_000);
                let ended = sessions::revoke_others(tx, id, Some(SessionId([5; 16])), NOW + 10).await?;
                assert_eq!(ended.len(), 2);
                assert_eq!(
                    sessions::revoke_others(tx, id, None, NOW + 10).await?,
                    [SessionId([5; 16])]
                );
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(
        sessions::expired(&mut shard.read_all(), NOW + 1_000_000, 10)
            .await
            .unwrap(),
        [own(12)]
    );
    let purged = shard
        .write(own(12), |tx| {
            Box::pin(async move { sessions::purge(tx, NOW + 1_000_000).await })
        })
        .await;
    assert_eq!(purged.unwrap().value, 5, "the one that was used later is kept");
}

pub async fn a_request_is_begun_once_resumed_after_its_deadline_and_answered_once(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    shard
        .write(own(5), |tx| {
            Box::pin(async move {
                let (key, row) = ([9; 32], request(9));
                assert!(idempotency::begin(tx, &row).await?);
                assert!(!idempotency::begin(tx, &row).await?);
                assert_eq!(
                    idempotency::get(tx, Bucket(5), "scope", &key).await?.as_ref(),
                    Some(&row)
                );
                assert!(
                    !idempotency::resume(tx, &row, NOW + 30_000, NOW).await?,
                    "still being worked on"
                );
                assert!(idempotency::resume(tx, &row, NOW + 30_000, NOW + 10_000).await?);
                assert!(
                    !idempotency::resume(tx, &row, NOW + 30_000, NOW + 10_000).await?,
                    "another was quicker"
                );
                let answer = idempotency::Answer {
                    code: "OK".to_owned(),
                    body: vec![1, 2],
                };
                assert!(!idempotency::finish(tx, "scope", &key, "op-2", &answer).await?);
                assert!(idempotency::finish(tx, "scope", &key, "op-1", &answer).await?);
                assert!(!idempotency::finish(tx, "scope", &key, "op-1", &answer).await?);
                assert!(
                    !idempotency::forget(tx, "scope", &key, "op-1").await?,
                    "a recorded answer stays"
                );
                let read = idempotency::get(tx, Bucket(5), "scope", &key).await?.unwrap();
                assert_eq!(read.answer, Some(answer.clone()));
                // An upload records its answer with its rows, at once.
                assert!(
                    idempotency::begin(
                        tx,
                        &idempotency::RequestRow {
                            answer: Some(answer),
                            ..request(8)
                        }
                    )
                    .await?
                );
                assert!(idempotency::begin(tx, &request(7)).await?);
                assert!(idempotency::forget(tx, "scope", &[7; 32], "op-1").await?);
                assert_eq!(idempotency::purge(tx, NOW).await?, 0);
                Ok(())
            })
        })
        .await
        .unwrap();
    let later = NOW + 86_400_000;
    assert_eq!(
        idempotency::expired(&mut shard.read_all(), later, 10).await.unwrap(),
        [own(5)]
    );
    let purged = shard
        .write(own(5), move |tx| {
            Box::pin(async move { idempotency::purge(tx, later).await })
        })
        .await;
    assert_eq!(purged.unwrap().value, 2);
}

// R51
pub async fn messages_are_due_from_owned_buckets_only_and_wait_after_a_failure(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    assert_eq!(outbox::next_due(&mut shard.read_all()).await.unwrap(), None);
    let add = |bucket: u32, not_before: i64| {
        let shard = shard.clone();
        async move {
            let work = shard.write(own(bucket), move |tx| {
                Box::pin(async move { outbox::add(tx, "job", vec![7], not_before, NOW).await })
            });
            work.await.unwrap().value
        }
    };
    let (first, second, later, _fenced) = (
        add(1, NOW - 2).await,
        add(2, NOW - 1).await,
        add(1, NOW + 50).await,
        add(3, NOW).await,
    );
    set_owner(&engine, 3, 2, bucket_owner::State::Fenced).await;
    let due = outbox::due(&mut shard.read_all(), NOW, 10).await.unwrap();
    assert_eq!(
        due.iter().map(|found| (found.own, found.row.id)).collect::<Vec<_>>(),
        [(own(1), first), (own(2), second)]
    );
    assert_eq!(outbox::next_due(&mut shard.read_all()).await.unwrap(), Some(NOW - 2));
    shard
        .write(own(1), move |tx| {
            Box::pin(async move {
                assert!(outbox::postpone(tx, first, NOW + 100).await?);
                assert!(outbox::remove(tx, later).await?);
                assert!(!outbox::remove(tx, later).await?);
                assert!(!outbox::remove(tx, second).await?, "another bucket's");
                Ok(())
            })
        })
        .await
        .unwrap();
    let due = outbox::due(&mut shard.read_all(), NOW + 100, 10).await.unwrap();
    assert_eq!(due.iter().map(|found| found.row.attempts).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(outbox::depth(&mut shard.read_all()).await.unwrap(), 3);
}

// R54
pub async fn a_job_ends_once_and_pictures_are_listed_newest_first(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    let variant = Variant {
        name: "default".to_owned(),
        width: 512,
        height: 384,
        bytes: 40_000,
        format: "jpeg".to_owned(),
        key: "media".to_owned(),
    };
    let expected = variant.clone();
    shard
        .write(own(12), move |tx| {
            Box::pin(async move {
                let id = user_id(12);
                for number in 1..=4 {
                    assert!(images::insert(tx, &image(12, number)).await?);
                }
                assert!(!images::insert(tx, &image(12, 1)).await?);
                let [done, failed] = [2, 3].map(|number| ImageId::from_bytes([number; 16]));
                assert_eq!(images::begin_attempt(tx, id, &done).await?, Some(1));
                assert!(images::requeue(tx, id, &done).await?);
                assert_eq!(images::begin_attempt(tx, id, &done).await?, Some(2));
                assert!(images::finish(tx, id, &done, std::slice::from_ref(&variant), NOW + 1).await?);
                assert!(!images::finish(tx, id, &done, &[], NOW + 2).await?, "done once");
                let error = JobError {
                    code: "BAD".to_owned(),
                    detail: "Try another.".to_owned(),
                };
                assert!(!images::fail(tx, id, &done, &error, NOW + 2).await?);
                assert!(images::fail(tx, id, &failed, &error, NOW + 2).await?);
                assert_eq!(images::begin_attempt(tx, id, &failed).await?, None);
                assert_eq!(images::count(tx, Bucket(12), id).await?, (4, 2));
                Ok(())
            })
        })
        .await
        .unwrap();
    let mut read = shard.read(own(12));
    let done = images::get(&mut read, Bucket(12), user_id(12), &ImageId::from_bytes([2; 16]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (done.image.status, done.image.attempts, done.image.finished_at_ms),
        (ImageStatus::Done, 2, Some(NOW + 1))
    );
    assert_eq!(done.image.variants, [expected]);
    let first = images::page(&mut read, Bucket(12), user_id(12), None, false, 3)
        .await
        .unwrap();
    let rest = images::page(&mut read, Bucket(12), user_id(12), Some(&first[2].image.id), false, 3)
        .await
        .unwrap();
    let all: Vec<_> = first.iter().chain(&rest).map(|row| row.image.id.clone()).collect();
    assert_eq!(all, [4, 3, 2, 1].map(|number| ImageId::from_bytes([number; 16])));
    assert_eq!(
        images::page(&mut read, Bucket(12), user_id(12), None, true, 9)
            .await
            .unwrap()
            .len(),
        1
    );
    let gone = shard
        .write(own(12), |tx| {
            Box::pin(async move {
                assert!(images::remove(tx, user_id(12), &ImageId::from_bytes([1; 16])).await?);
                images::remove_all(tx, user_id(12)).await
            })
        })
        .await
        .unwrap();
    assert_eq!(gone.value.len(), 3);
}

pub async fn a_message_is_consumed_once(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 2).await;
    let consume = || {
        shard.write(own(1), |tx| {
            Box::pin(async move { inbox::consume(tx, "m-1", NOW, NOW + 5).await })
        })
    };
    assert!(consume().await.unwrap().value);
    assert!(!consume().await.unwrap().value);
    assert!(
        inbox::contains(&mut shard.read(own(1)), Bucket(1), "m-1")
            .await
            .unwrap()
    );
    assert_eq!(
        inbox::expired(&mut shard.read_all(), NOW + 5, 9).await.unwrap(),
        [own(1)]
    );
    let purged = shard
        .write(own(1), |tx| Box::pin(async move { inbox::purge(tx, NOW + 5).await }))
        .await
        .unwrap();
    assert_eq!(purged.value, 1);
}
