//! Copies of a user's finished pictures in its partitions: buckets that are read in the place of the user's own.
//!
//! A finished picture's row never changes any more until the picture is removed, and its id does not come back. So a copy is made at
//! any time after the picture was finished, and its removal is for good: a mark stays where it was, by which a copier that read the picture
//! before and comes late is refused. Whoever writes here holds the user's lock in the bucket: mark and copy are decided by in turn.

use model::{Bucket, ImageId, UserId};

use crate::{
    BucketTx, Query, Result,
    tables::{
        images::{self, ImageRow},
        inbox,
    },
};

/// How long it is known that a picture was removed: far longer than a copier may stand still.
const KNOWN_MS: i64 = 24 * 3_600_000;

/// Puts the copy of a finished picture, over one that differs. False: it was there, or the picture is known to be removed.
pub async fn put(tx: &mut BucketTx<'_>, row: &ImageRow) -> Result<bool> {
    let (bucket, user, id) = (tx.bucket(), row.image.user_id, &row.image.id);
    if is_removed(tx, bucket, id).await? {
        return Ok(false);
    }
    match images::get(tx, bucket, user, id).await? {
        Some(there) if there == *row => return Ok(false),
        Some(_) => drop(images::remove(tx, user, id).await?),
        None => {}
    }
    images::insert(tx, row).await
}

/// Removes the copy of a picture that is gone, and sees to it that it does not come back. False: there was none.
pub async fn remove(tx: &mut BucketTx<'_>, user: UserId, id: &ImageId, now_ms: i64) -> Result<bool> {
    inbox::consume(tx, &mark(id), now_ms, now_ms + KNOWN_MS).await?;
    Ok(images::remove(tx, user, id).await?.is_some())
}

async fn is_removed<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, id: &ImageId) -> Result<bool> {
    inbox::contains(q, bucket, &mark(id)).await
}

fn mark(id: &ImageId) -> String {
    format!("removed:{id}")
}
