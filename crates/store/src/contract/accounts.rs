//! Laws of the tables about people: what the statements on e-mails, users, credentials and sessions promise.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    Bucket, ImageId, SessionId,
    profile::{Address, PostalCode, ProfilePicture},
};

use super::{NOW, add_user, own, session, set_owner, shard, user, user_id};
use crate::{
    Engine,
    tables::{bucket_owner, credentials, email_claims, sessions, users},
};

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
                assert!(email_claims::confirm(tx, "x@example.com", "op-a").await?, "confirming twice is the same");
                assert!(!email_claims::release_reserved(tx, "x@example.com", "op-a").await?, "a confirmed claim stays");
                assert!(!email_claims::release_of_user(tx, "x@example.com", b).await?);
                assert!(!email_claims::take_over(tx, "x@example.com", "op-b", "op-d", NOW).await?);
                assert!(email_claims::take_over(tx, "x@example.com", "op-a", "op-d", NOW + 9).await?);
                assert!(!email_claims::release(tx, "x@example.com", "op-a").await?, "it is op-d's now");
                assert!(email_claims::confirm(tx, "x@example.com", "op-d").await?);
                assert!(email_claims::reserve(tx, "y@example.com", a, "op-e", NOW + 9).await?);
                assert!(email_claims::release(tx, "y@example.com", "op-e").await?);
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
    assert_eq!((overdue[0].own, overdue[0].row.email.as_str()), (own(3), "late@example.com"));
    set_owner(&engine, 3, 1, bucket_owner::State::Fenced).await;
    assert!(email_claims::overdue(&mut shard.read_all(), NOW, 10).await.unwrap().is_empty());
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
    let winners: Vec<u64> = (1..).zip(ended).filter_map(|(id, ended)| ended.unwrap().value.then_some(id)).collect();
    assert_eq!(winners.len(), 1);
    let claim = email_claims::get(&mut shard.read(own(3)), Bucket(3), "x@example.com").await.unwrap().unwrap();
    assert_eq!(claim.user_id.get(), winners[0]);
}

pub async fn a_user_changes_by_its_version_only_and_a_void_id_stays_barred(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    let mut row = user(12);
    row.picture_version = 3;
    row.user.address = Some(Address { postal_code: Some(PostalCode("02134".to_owned())), ..Address::default() });
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
    assert_eq!((deleted.state, deleted.session_epoch, deleted.picture_version), (users::State::Deleted, 3, 3));
    assert_eq!((deleted.user.email.as_str(), deleted.user.picture, deleted.user.address), ("", None, None));
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
    assert_eq!(users::get_live(&mut shard.read(own(13)), Bucket(13), user_id(13)).await.unwrap(), None);
}

pub async fn many_users_come_in_few_statements_and_none_twice(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 512).await;
    for id in 1..=150 {
        add_user(&shard, id).await;
    }
    for asked in [0_u64, 1, 7, 8, 9, 63, 64, 65, 128, 150, 200] {
        let keys: Vec<_> = (1..=asked).map(|id| (Bucket::of_user(user_id(id)), user_id(id))).collect();
        let found = users::get_many(&mut shard.read_all(), &keys).await.unwrap();
        let ids: BTreeSet<u64> = found.iter().map(|row| row.user.id.get()).collect();
        assert_eq!(ids, (1..=asked.min(150)).collect(), "{asked}");
        assert_eq!(found.len(), ids.len(), "{asked}");
    }
    // A right id in a wrong bucket is nobody.
    assert!(users::get_many(&mut shard.read_all(), &[(Bucket(2), user_id(1))]).await.unwrap().is_empty());
}

pub async fn users_are_listed_in_the_order_of_ids_over_all_buckets(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 64).await;
    for id in [4096 + 5, 3, 60, 4096 + 1, 9] {
        add_user(&shard, id).await;
    }
    let mut read = shard.read_all();
    let first = users::page(&mut read, (0, Bucket(0)), 2).await.unwrap();
    let second = users::page(&mut read, (first[1].1.user.id.get(), first[1].0), 10).await.unwrap();
    let ids: Vec<u64> = first.iter().chain(&second).map(|(_, row)| row.user.id.get()).collect();
    assert_eq!(ids, [3, 9, 60, 4097, 4101]);
    assert_eq!((first[0].0, second[2].0), (Bucket(3), Bucket(5)));
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
                assert!(sessions::insert(tx, &session(12, 1, NOW)).await?, "a repeat counts as made");
                assert!(sessions::get(tx, Bucket(12), id, SessionId([1; 16])).await?.unwrap().is_live(NOW));
                // The password changes while another signs in with the old one.
                credentials::set(tx, id, "phc-2", NOW).await?;
                assert!(!credentials::rehash(tx, id, "phc-1", "phc-1-stronger").await?);
                let epoch = users::raise_session_epoch(tx, id).await?.unwrap();
                assert!(!sessions::insert(tx, &session(12, 2, NOW)).await?);
                let over = sessions::get(tx, Bucket(12), id, SessionId([1; 16])).await?.unwrap();
                assert!(!over.is_live(NOW));
                assert!(sessions::carry_over(tx, id, SessionId([1; 16]), epoch).await?);
                assert!(sessions::get(tx, Bucket(12), id, SessionId([1; 16])).await?.unwrap().is_live(NOW));
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
                assert_eq!(ended.iter().map(|id| id.0[0]).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
                assert!(sessions::revoke(tx, id, SessionId([3; 16]), NOW + 10).await?);
                assert!(!sessions::revoke(tx, id, SessionId([3; 16]), NOW + 10).await?, "over is over");
                assert!(!sessions::revoke(tx, user_id(11), SessionId([4; 16]), NOW + 10).await?, "another's");
                assert!(sessions::touch(tx, id, SessionId([6; 16]), NOW + 60_000, NOW + 2_000_000).await?);
                assert!(!sessions::touch(tx, id, SessionId([3; 16]), NOW + 60_000, NOW).await?);
                let live = sessions::live_of_user(tx, Bucket(12), id, NOW + 10).await?;
                assert_eq!(live.iter().map(|row| row.id.0[0]).collect::<Vec<_>>(), [6, 5, 4]);
                assert_eq!(live[0].expires_at_ms, NOW + 2_000_000);
                let ended = sessions::revoke_others(tx, id, Some(SessionId([5; 16])), NOW + 10).await?;
                assert_eq!(ended.len(), 2);
                assert_eq!(sessions::revoke_others(tx, id, None, NOW + 10).await?, [SessionId([5; 16])]);
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(sessions::expired(&mut shard.read_all(), NOW + 1_000_000, 10).await.unwrap(), [own(12)]);
    let purged = shard.write(own(12), |tx| Box::pin(async move { sessions::purge(tx, NOW + 1_000_000).await })).await;
    assert_eq!(purged.unwrap().value, 5, "the one that was used later is kept");
}

// R41: a profile is read, all sessions are ended, the profile is written: the session epoch has risen and stays so.
pub async fn a_change_of_a_profile_brings_no_ended_session_back(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    add_user(&shard, 12).await;
    for round in 1..=20_u64 {
        let rename = shard.write_user(own(12), user_id(12), move |tx| {
            Box::pin(async move {
                let row = users::get_live(tx, Bucket(12), user_id(12)).await?.unwrap();
                let mut next = row.clone();
                next.user.version += 1;
                next.user.first_name = format!("John {round}");
                // Time enough for the other between look and write, if it can come in at all.
                for _ in 0..8 {
                    credentials::for_sign_in(tx, Bucket(12), user_id(12)).await?;
                }
                users::update(tx, row.user.version, &next).await
            })
        });
        let end_all = shard.write_user(own(12), user_id(12), |tx| {
            Box::pin(async move { users::raise_session_epoch(tx, user_id(12)).await })
        });
        let (renamed, ended) = futures::future::join(rename, end_all).await;
        assert!(renamed.unwrap().value);
        let epoch = ended.unwrap().value.unwrap();
        let row = users::get(&mut shard.read(own(12)), Bucket(12), user_id(12)).await.unwrap().unwrap();
        assert_eq!((row.session_epoch, row.user.version), (epoch, round + 1), "round {round}");
    }
}
