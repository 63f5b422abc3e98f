//! Laws of the tables about work: what the statements on requests, messages and pictures promise.

use std::sync::Arc;

use model::{
    Bucket, ImageId,
    image::{ImageStatus, JobError, Variant},
};

use super::{NOW, image, own, request, set_owner, shard, user_id};
use crate::{
    Engine,
    tables::{
        bucket_owner, idempotency,
        images::{self, Removed},
        inbox, outbox,
    },
};

pub async fn a_request_is_begun_once_resumed_after_its_deadline_and_answered_once(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 16).await;
    shard
        .write(own(5), |tx| {
            Box::pin(async move {
                let (key, row) = ([9; 32], request(9));
                assert!(idempotency::begin(tx, &row).await?);
                assert!(!idempotency::begin(tx, &row).await?);
                assert_eq!(idempotency::get(tx, Bucket(5), "scope", &key).await?.as_ref(), Some(&row));
                assert!(!idempotency::resume(tx, &row, NOW + 30_000, NOW).await?, "still being worked on");
                assert!(idempotency::resume(tx, &row, NOW + 30_000, NOW + 10_000).await?);
                assert!(!idempotency::resume(tx, &row, NOW + 30_000, NOW + 10_000).await?, "another was quicker");
                assert!(!idempotency::let_go(tx, "scope", &key, "op-2", NOW + 11_000).await?);
                assert!(idempotency::let_go(tx, "scope", &key, "op-1", NOW + 11_000).await?);
                assert!(
                    idempotency::resume(tx, &row, NOW + 30_000, NOW + 11_000).await?,
                    "let go, it waits for nothing"
                );
                let answer = idempotency::Answer { code: "OK".to_owned(), body: vec![1, 2] };
                assert!(!idempotency::finish(tx, "scope", &key, "op-2", &answer).await?);
                assert!(idempotency::finish(tx, "scope", &key, "op-1", &answer).await?);
                assert!(!idempotency::finish(tx, "scope", &key, "op-1", &answer).await?);
                assert!(!idempotency::forget(tx, "scope", &key, "op-1").await?, "a recorded answer stays");
                assert!(!idempotency::let_go(tx, "scope", &key, "op-1", NOW).await?);
                let read = idempotency::get(tx, Bucket(5), "scope", &key).await?.unwrap();
                assert_eq!(read.answer, Some(answer.clone()));
                // An upload records its answer with its rows, at once.
                assert!(idempotency::begin(tx, &idempotency::RequestRow { answer: Some(answer), ..request(8) }).await?);
                assert!(idempotency::begin(tx, &request(7)).await?);
                assert!(idempotency::forget(tx, "scope", &[7; 32], "op-1").await?);
                assert_eq!(idempotency::purge(tx, NOW).await?, 0);
                Ok(())
            })
        })
        .await
        .unwrap();
    let later = NOW + 86_400_000;
    assert_eq!(idempotency::expired(&mut shard.read_all(), later, 10).await.unwrap(), [own(5)]);
    let purged = shard.write(own(5), move |tx| Box::pin(async move { idempotency::purge(tx, later).await })).await;
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
    let (first, second, later, _fenced) =
        (add(1, NOW - 2).await, add(2, NOW - 1).await, add(1, NOW + 50).await, add(3, NOW).await);
    set_owner(&engine, 3, 2, bucket_owner::State::Fenced).await;
    let due = outbox::due(&mut shard.read_all(), NOW, 10).await.unwrap();
    assert_eq!(
        due.iter().map(|found| (found.own, found.row.id)).collect::<Vec<_>>(),
        [(own(1), first), (own(2), second)]
    );
    assert_eq!(outbox::next_due(&mut shard.read_all()).await.unwrap(), Some(NOW - 2));
    let jobs = outbox::due_of(&mut shard.read_all(), "job", NOW, 10).await.unwrap();
    assert_eq!(jobs, due);
    assert!(outbox::due_but(&mut shard.read_all(), "job", NOW, 10).await.unwrap().is_empty());
    assert_eq!(outbox::due_but(&mut shard.read_all(), "other", NOW, 10).await.unwrap(), due);
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
                let error = JobError { code: "BAD".to_owned(), detail: "Try another.".to_owned() };
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
    let done = images::get(&mut read, Bucket(12), user_id(12), &ImageId::from_bytes([2; 16])).await.unwrap().unwrap();
    assert_eq!(
        (done.image.status, done.image.attempts, done.image.finished_at_ms),
        (ImageStatus::Done, 2, Some(NOW + 1))
    );
    assert_eq!(done.image.variants, [expected]);
    let first = images::page(&mut read, Bucket(12), user_id(12), None, false, 3).await.unwrap();
    let rest = images::page(&mut read, Bucket(12), user_id(12), Some(&first[2].image.id), false, 3).await.unwrap();
    let all: Vec<_> = first.iter().chain(&rest).map(|row| row.image.id.clone()).collect();
    assert_eq!(all, [4, 3, 2, 1].map(|number| ImageId::from_bytes([number; 16])));
    assert_eq!(images::page(&mut read, Bucket(12), user_id(12), None, true, 9).await.unwrap().len(), 1);
    let newest = images::newest_done(&mut shard.read_all(), None, 9).await.unwrap();
    assert_eq!(newest.iter().map(|(_, row)| &row.image.id).collect::<Vec<_>>(), [&done.image.id]);
    let last = (Bucket(12), done.image.id.clone());
    assert_eq!(images::newest_done(&mut shard.read_all(), Some(&last), 9).await.unwrap(), []);
    let [there, not_there] = [1, 9].map(|number| ImageId::from_bytes([number; 16]));
    let found = images::find(&mut shard.read_all(), &[there.clone(), not_there]).await.unwrap();
    assert_eq!(found.iter().map(|(_, row)| &row.image.id).collect::<Vec<_>>(), [&there]);
    let gone = shard
        .write(own(12), |tx| {
            Box::pin(async move {
                let first = ImageId::from_bytes([1; 16]);
                let removed = images::remove(tx, user_id(12), &first).await?;
                let expected = Removed { id: first.clone(), created_at_ms: NOW, was_done: false };
                assert_eq!(removed, Some(expected));
                assert_eq!(images::remove(tx, user_id(12), &first).await?, None);
                assert!(images::any_done(tx, Bucket(12), user_id(12)).await?);
                images::remove_all(tx, user_id(12)).await
            })
        })
        .await
        .unwrap();
    let done: Vec<_> = gone.value.iter().filter(|gone| gone.was_done).map(|gone| gone.id.clone()).collect();
    assert_eq!((gone.value.len(), done), (3, vec![ImageId::from_bytes([2; 16])]));
    assert!(!images::any_done(&mut read, Bucket(12), user_id(12)).await.unwrap());
}

pub async fn a_message_is_consumed_once(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 2).await;
    let consume = || shard.write(own(1), |tx| Box::pin(async move { inbox::consume(tx, "m-1", NOW, NOW + 5).await }));
    assert!(consume().await.unwrap().value);
    assert!(!consume().await.unwrap().value);
    assert!(inbox::contains(&mut shard.read(own(1)), Bucket(1), "m-1").await.unwrap());
    assert_eq!(inbox::expired(&mut shard.read_all(), NOW + 5, 9).await.unwrap(), [own(1)]);
    let purged = shard.write(own(1), |tx| Box::pin(async move { inbox::purge(tx, NOW + 5).await })).await.unwrap();
    assert_eq!(purged.value, 1);
}
