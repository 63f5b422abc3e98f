//! Laws of giving a user another bucket: all its rows go, nobody else's, and what was written there comes back.

use std::sync::Arc;

use model::{Bucket, Epoch, UserId};

use super::{NOW, add_user, image, own, request, session, shard, user_id};
use crate::{
    Engine, Ownership, Primary, rebucket,
    tables::{credentials, email_claims, idempotency, images, inbox, outbox, sessions, users},
    transact, transfer,
};

const SHARED: Bucket = Bucket(12);
const OWN: Bucket = Bucket(4096);

/// Two users of one bucket, with a row of each table.
async fn two_neighbours(engine: &Arc<dyn Engine>) -> crate::Shard {
    let shard = shard(engine, 16).await;
    for id in [12, 4096 + 12] {
        add_user(&shard, id).await;
        let filled = shard.write(own(12), move |tx| {
            Box::pin(async move {
                credentials::set(tx, user_id(id), "phc", NOW).await?;
                for number in 0..30 {
                    sessions::insert(tx, &session(id, number, NOW)).await?;
                }
                images::insert(tx, &image(id, u8::try_from(id % 7).unwrap_or(1))).await?;
                outbox::add(tx, "job", id.to_le_bytes().to_vec(), NOW, NOW).await?;
                email_claims::reserve(tx, &format!("user{id}@example.com"), user_id(id), "op", NOW).await?;
                inbox::consume(tx, &format!("m{id}"), NOW, i64::MAX).await?;
                idempotency::begin(tx, &request(u8::try_from(id % 251).unwrap_or(1))).await
            })
        });
        assert!(filled.await.unwrap().value);
    }
    shard.adopt(vec![(OWN, Epoch(1))]).await.unwrap();
    shard
}

/// How many rows each table has of a user in a bucket, then how many rows the bucket has in all.
async fn rows(engine: &dyn Engine, bucket: Bucket, user: UserId) -> (u64, u64) {
    let all = transfer::by_bucket(engine).await.unwrap();
    let all = all.iter().find(|(found, _)| *found == bucket).map_or(0, |(_, rows)| *rows);
    (rebucket::count(engine, bucket, user).await.unwrap(), all)
}

// R70
pub async fn a_user_gets_a_bucket_of_its_own_and_gives_it_up_with_all_that_came_meanwhile(engine: Arc<dyn Engine>) {
    let shard = two_neighbours(&engine).await;
    let (star, other) = (user_id(12), user_id(4096 + 12));
    // User, credentials, 30 sessions, image; the bucket has two messages, two claims, two marks, two requests.
    assert_eq!(rows(&*engine, SHARED, star).await, (33, 74));
    transact(&*engine, move |tx| Box::pin(rebucket::split(tx, SHARED, OWN, star))).await.unwrap();
    assert_eq!(rows(&*engine, OWN, star).await, (33, 37), "and what does not say whose it is");
    assert_eq!(rows(&*engine, OWN, other).await.0, 0);
    assert_eq!(rows(&*engine, SHARED, star).await, (33, 74), "who reads by an older map finds them still");
    // A list meets both copies, also where a page ends between them.
    let (mut read, mut after, mut listed) = (shard.read_all(), (0, Bucket(0)), Vec::new());
    while let [(bucket, row)] = users::page(&mut read, after, 1).await.unwrap().as_slice() {
        after = (row.user.id.get(), *bucket);
        listed.push(after);
    }
    assert_eq!(listed, [(12, SHARED), (12, OWN), (4096 + 12, SHARED)]);
    let mut rounds = 1;
    while transact(&*engine, move |tx| Box::pin(rebucket::remove_some(tx, SHARED, star, 10))).await.unwrap().0 {
        rounds += 1;
    }
    assert_eq!((rounds, rows(&*engine, SHARED, star).await), (4, (0, 41)));
    assert_eq!(rows(&*engine, SHARED, other).await.0, 33);
    // It lives there for a while.
    let home = Ownership { bucket: OWN, epoch: Epoch(1) };
    let lived = shard.write(home, move |tx| {
        Box::pin(async move {
            let mut row = users::get_live(tx, OWN, star).await?.unwrap();
            (row.user.version, row.user.first_name) = (2, "Stella".to_owned());
            assert!(users::update(tx, 1, &row).await?);
            images::insert(tx, &image(12, 99)).await?;
            outbox::add(tx, "job", vec![1], NOW, NOW).await?;
            inbox::consume(tx, "later", NOW, NOW).await
        })
    });
    lived.await.unwrap();
    transact(&*engine, move |tx| Box::pin(rebucket::merge(tx, OWN, SHARED, star))).await.unwrap();
    assert_eq!(rows(&*engine, SHARED, star).await, (34, 41 + 34 + 2), "nothing twice, the new message and mark too");
    let back = users::get_live(&mut Primary(&*engine), SHARED, star).await.unwrap().unwrap();
    assert_eq!((back.user.version, back.user.first_name.as_str()), (2, "Stella"));
    // Again, over what is there: the same.
    transact(&*engine, move |tx| Box::pin(rebucket::merge(tx, OWN, SHARED, star))).await.unwrap();
    assert_eq!(rows(&*engine, SHARED, star).await, (34, 77));
    // Of what was the own bucket's to tell no copy stays where the return is undone.
    transact(&*engine, move |tx| Box::pin(rebucket::unmerge(tx, OWN, SHARED))).await.unwrap();
    assert_eq!(rows(&*engine, SHARED, star).await, (34, 76));
}
