//! Laws of copies of a user's pictures: late copiers bring nothing back, and a copy is as what it is a copy of.

use std::sync::Arc;

use futures::future::join_all;
use model::{Bucket, Epoch, image::ImageStatus};

use super::{NOW, image, shard, user_id};
use crate::{
    Engine, Ownership, Shard, copies,
    tables::images::{self, ImageRow},
};

const PARTITION: Bucket = Bucket(4097);
const OWN: Ownership = Ownership { bucket: PARTITION, epoch: Epoch(1) };

fn done(number: u8) -> ImageRow {
    let mut row = image(12, number);
    (row.version, row.image.status, row.image.finished_at_ms) = (3, ImageStatus::Done, Some(NOW));
    row
}

async fn put(shard: &Shard, row: &ImageRow) -> bool {
    let row = row.clone();
    let put = shard.write_user(OWN, user_id(12), move |tx| Box::pin(async move { copies::put(tx, &row).await }));
    put.await.unwrap().value
}

async fn remove(shard: &Shard, row: &ImageRow) -> bool {
    let id = row.image.id.clone();
    let removed = shard.write_user(OWN, user_id(12), move |tx| {
        Box::pin(async move { copies::remove(tx, user_id(12), &id, NOW).await })
    });
    removed.await.unwrap().value
}

async fn there(shard: &Shard) -> Vec<ImageRow> {
    images::page(&mut shard.read(OWN), PARTITION, user_id(12), None, true, 100).await.unwrap()
}

// R70
pub async fn a_copy_of_what_was_removed_does_not_come_back(engine: Arc<dyn Engine>) {
    let shard = shard(&engine, 1).await;
    shard.adopt(vec![(PARTITION, Epoch(1))]).await.unwrap();
    let (one, two) = (done(1), done(2));
    assert!(put(&shard, &one).await && put(&shard, &two).await);
    assert!(!put(&shard, &one).await, "it is there");
    let mended = ImageRow { version: 4, ..one.clone() };
    assert!(put(&shard, &mended).await);
    assert_eq!(there(&shard).await, [two.clone(), mended]);
    assert!(remove(&shard, &one).await && !remove(&shard, &one).await);
    assert!(!put(&shard, &one).await, "who read it before comes late");
    assert_eq!(there(&shard).await, [two]);
    // However they meet.
    for number in 10..30 {
        let row = done(number);
        let copiers = join_all((0..4).map(|_| put(&shard, &row)));
        futures::future::join(copiers, remove(&shard, &row)).await;
        put(&shard, &row).await;
    }
    assert_eq!(there(&shard).await.len(), 1);
}
