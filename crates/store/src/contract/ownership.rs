//! Laws of owner rows and of the change log.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::{join_all, join3};
use model::{Bucket, Epoch, ImageId, SessionId};

use super::{NOW, add_user, own, set_owner, shard, user, user_id};
use crate::{
    Engine, Error, Ownership, Query, Transaction, Value,
    tables::{
        bucket_owner::{self, OwnerRow, State},
        change_log, credentials, email_claims, idempotency, images, inbox, outbox, sessions, users,
    },
    transact,
};

// R7 R14 R68: who may write is decided by the data, not by the caller's map.
pub async fn a_stale_epoch_is_refused_by_the_shard(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    set_owner(&engine, 12, 5, State::Owned).await;
    for stale in [1, 4, 6] {
        let own = Ownership { bucket: Bucket(12), epoch: Epoch(stale) };
        let row = user(12);
        let refused = shard.write(own, move |tx| Box::pin(async move { users::insert(tx, &row).await })).await;
        let Err(Error::Moved { bucket: Bucket(12), found: Some(Epoch(5)) }) = refused else { panic!("{refused:?}") };
    }
    let nobody = users::get(&mut shard.read_all(), Bucket(12), user_id(12)).await.unwrap();
    assert_eq!(nobody, None);
    let own = Ownership { bucket: Bucket(12), epoch: Epoch(5) };
    let row = user(12);
    assert!(shard.write(own, move |tx| Box::pin(async move { users::insert(tx, &row).await })).await.unwrap().value);
}

// R68
pub async fn a_bucket_in_any_other_state_takes_no_writes(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    for (state, takes) in [
        (State::Fenced, false),
        (State::Importing, false),
        (State::Gone, false),
        (State::Logging, true),
        (State::Owned, true),
    ] {
        set_owner(&engine, 0, 1, state).await;
        let id = format!("{state:?}");
        let ended =
            shard.write(own(0), move |tx| Box::pin(async move { inbox::consume(tx, &id, NOW, NOW).await })).await;
        match ended {
            Ok(_) => assert!(takes, "{state:?}"),
            Err(Error::Moved { found: Some(Epoch(1)), .. }) => assert!(!takes, "{state:?}"),
            Err(other) => panic!("{other}"),
        }
    }
    let ended = shard.write(own(99), |tx| Box::pin(async move { inbox::consume(tx, "x", NOW, NOW).await })).await;
    assert!(matches!(ended, Err(Error::Moved { bucket: Bucket(99), found: None })));
}

pub async fn adopting_twice_changes_nothing_and_a_foreign_epoch_is_refused(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 8).await;
    let all: Vec<_> = (0..4096).map(|bucket| (Bucket(bucket), Epoch(1))).collect();
    shard.adopt(all.clone()).await.unwrap();
    shard.adopt(all).await.unwrap();
    let rows = bucket_owner::all(&mut shard.read_all()).await.unwrap();
    assert_eq!(rows.len(), 4096);
    assert!(rows.iter().all(|row| row.epoch == Epoch(1) && row.state == State::Owned && row.mover.is_none()));
    let refused = shard.adopt(vec![(Bucket(3), Epoch(2))]).await;
    let Err(Error::Unusable(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("bucket 3") && text.contains("epoch 1") && text.contains("epoch 2"), "{text}");
}

pub async fn an_owner_changes_as_is_decided_by_the_row_that_is_there(engine: Arc<dyn Engine>) {
    shard(&engine, 2).await;
    let ((), _) = transact(&*engine, |tx: &mut dyn Transaction| {
        Box::pin(async move {
            let present = bucket_owner::get(tx, Bucket(1)).await?.unwrap();
            let fenced = OwnerRow { epoch: Epoch(2), state: State::Fenced, mover: Some(7), ..present };
            let decide = |found: Option<&OwnerRow>| Ok((found == Some(&present)).then_some(fenced));
            bucket_owner::change(tx, Bucket(1), decide).await?;
            assert_eq!(bucket_owner::get(tx, Bucket(1)).await?, Some(fenced));
            bucket_owner::change(tx, Bucket(1), decide).await?;
            assert_eq!(bucket_owner::get(tx, Bucket(1)).await?, Some(fenced));
            let new = OwnerRow { bucket: Bucket(9), ..fenced };
            bucket_owner::change(tx, Bucket(9), |found| Ok(found.is_none().then_some(new))).await?;
            assert_eq!(bucket_owner::get(tx, Bucket(9)).await?, Some(new));
            let refused = bucket_owner::change(tx, Bucket(1), |_| Err(Error::Busy)).await;
            assert!(matches!(refused, Err(Error::Busy)));
            Ok(())
        })
    })
    .await
    .unwrap();
}

// R68: when the change of owner is acknowledged, nobody of the old epoch is inside or comes after.
pub async fn no_write_straddles_a_change_of_owner(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 2).await;
    let write = |id: u32| {
        shard.write(own(1), move |tx| Box::pin(async move { inbox::consume(tx, &id.to_string(), NOW, NOW).await }))
    };
    let fence = transact(&*engine, |tx: &mut dyn Transaction| {
        Box::pin(async move {
            let fence =
                |row: Option<&OwnerRow>| Ok(row.map(|row| OwnerRow { epoch: Epoch(2), state: State::Fenced, ..*row }));
            bucket_owner::change(tx, Bucket(1), fence).await?;
            tx.query("SELECT count(*) FROM inbox", &[]).await?[0].int(0)
        })
    });
    // Half of the writes are asked for before the change and half after it, all at once.
    let (before, fenced, after) = join3(join_all((0..100).map(write)), fence, join_all((100..200).map(write))).await;
    let inside = fenced.unwrap().0;
    let acknowledged = before.iter().chain(&after).filter(|ended| ended.is_ok()).count();
    assert!(before.iter().chain(&after).all(|ended| matches!(ended, Ok(_) | Err(Error::Moved { .. }))));
    let rows = shard.read_all().query("SELECT count(*) FROM inbox", &[]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), inside, "a write came after the fence");
    assert_eq!(usize::try_from(inside).unwrap(), acknowledged);
}

// R68: what is changed while a bucket is copied is found again, whichever table it is in.
pub async fn every_change_is_logged_while_logging_and_none_before(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    add_user(&shard, 12).await;
    assert_eq!(change_log::page(&mut shard.read_all(), Bucket(12), 100).await.unwrap(), []);
    set_owner(&engine, 12, 1, State::Logging).await;
    let (message, image) = shard
        .write(own(12), |tx| {
            Box::pin(async move {
                let id = user_id(12);
                assert!(users::update(tx, 1, &user(12)).await?);
                credentials::set(tx, id, "phc", NOW).await?;
                assert!(email_claims::reserve(tx, "a@example.com", id, "op", NOW).await?);
                let mut session = super::session(12, 1, NOW);
                session.session_epoch = 1;
                assert!(sessions::insert(tx, &session).await?);
                let image = super::image(12, 1);
                assert!(images::insert(tx, &image).await?);
                let message = outbox::add(tx, "job", vec![1], NOW, NOW).await?;
                assert!(inbox::consume(tx, "m", NOW, NOW).await?);
                assert!(idempotency::begin(tx, &super::request(7)).await?);
                // Nothing changes here, so nothing is logged.
                assert!(!inbox::consume(tx, "m", NOW, NOW).await?);
                assert_eq!(sessions::purge(tx, NOW - 1).await?, 0);
                Ok((message, image.image.id))
            })
        })
        .await
        .unwrap()
        .value;
    let entries = change_log::page(&mut shard.read_all(), Bucket(12), 100).await.unwrap();
    let logged: BTreeSet<String> =
        entries.iter().map(|entry| format!("{} {:?}", entry.table.name, entry.key)).collect();
    let expected: [(&str, Vec<Value>); 8] = [
        ("users", vec![user_id(12).into()]),
        ("credentials", vec![user_id(12).into()]),
        ("email_claims", vec!["a@example.com".into()]),
        ("sessions", vec![user_id(12).into(), SessionId([1; 16]).into()]),
        ("images", vec![user_id(12).into(), (&image).into()]),
        ("outbox", vec![message.into()]),
        ("inbox", vec!["m".into()]),
        ("idempotency", vec!["scope".into(), [7; 32].into()]),
    ];
    let expected: BTreeSet<String> = expected.iter().map(|(table, key)| format!("{table} {key:?}")).collect();
    assert_eq!(logged, expected);

    // Changes of many rows log each of them.
    let purged = shard.write(own(12), |tx| Box::pin(async move { sessions::purge(tx, i64::MAX).await })).await.unwrap();
    assert_eq!(purged.value, 1);
    assert_eq!(change_log::page(&mut shard.read_all(), Bucket(12), 100).await.unwrap().len(), 9);
    transact(&*engine, move |tx| Box::pin(async move { change_log::remove(tx, Bucket(12), &entries).await }))
        .await
        .unwrap();
    let left = change_log::page(&mut shard.read_all(), Bucket(12), 100).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key, vec![user_id(12).into(), SessionId([1; 16]).into()]);
    assert_eq!(ImageId::parse(image.as_str()), Some(image));
}

pub async fn a_change_of_another_bucket_is_refused(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 4).await;
    let ended = shard
        .write(own(1), |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO inbox (bucket, id, consumed_at, expires_at) VALUES ($1, $2, 0, 0)";
                tx.change(&inbox::TABLE, &["x".into()], sql, &[Bucket(2).into(), "x".into()]).await
            })
        })
        .await;
    assert!(matches!(ended, Err(Error::Fault(_))), "{ended:?}");
    let rows = shard.read_all().query("SELECT 1 FROM inbox", &[]).await.unwrap();
    assert!(rows.is_empty());
}

// R14
pub async fn a_read_can_ask_whether_it_was_still_owned(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 2).await;
    let mut read = shard.read(own(1));
    read.still_owned().await.unwrap();
    set_owner(&engine, 1, 2, State::Gone).await;
    assert!(matches!(read.still_owned().await, Err(Error::Moved { found: Some(Epoch(2)), .. })));
    shard.read_all().still_owned().await.unwrap();
}
