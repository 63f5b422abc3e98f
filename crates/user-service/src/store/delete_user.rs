//! Deletion: the user becomes a tombstone, pictures and sessions end in the same transaction, the e-mail is free at once.

use model::{Result, SessionId, UserId};
use store::{
    BucketTx,
    tables::{credentials, images, sessions, users},
};

use super::{Done, Recipes, contended, emit, emit_invalidation, no_user, require_version};
use crate::outbox::event::Event;

struct Deleted {
    email: String,
    version: u64,
    sessions: Vec<SessionId>,
}

impl Recipes {
    /// Deletes a user.
    ///
    /// # Errors
    /// `NOT_FOUND`, `VERSION_MISMATCH`.
    pub async fn delete_user(&self, id: UserId, if_version: Option<u64>, now_ms: i64) -> Result<Done<()>> {
        let this = self.clone();
        self.tracked(async move { this.run_delete(id, if_version, now_ms).await }).await
    }

    async fn run_delete(&self, id: UserId, if_version: Option<u64>, now_ms: i64) -> Result<Done<()>> {
        let invalidate = self.config().outbox.invalidate;
        let written = self
            .shards()
            .write(id, move |tx| Box::pin(async move { delete(tx, id, if_version, invalidate, now_ms).await }))
            .await?;
        let done = Done::of(written);
        self.users().deleted(id, done.value.version).await;
        self.sessions().ended(id, &done.value.sessions).await;
        self.pass("delete-after-tombstone").await;
        self.release_soon(&done.value.email, now_ms).await;
        Ok(done.map(|_| ()))
    }
}

async fn delete(
    tx: &mut BucketTx<'_>,
    id: UserId,
    if_version: Option<u64>,
    invalidate: bool,
    now_ms: i64,
) -> store::Result<Deleted> {
    let bucket = tx.bucket();
    let row = users::get_live(tx, bucket, id).await?.ok_or_else(no_user)?;
    require_version(if_version, row.user.version)?;
    if !users::delete(tx, &row, now_ms).await? {
        return Err(contended().into());
    }
    credentials::remove(tx, id).await?;
    let sessions = sessions::revoke_others(tx, id, None, now_ms).await?;
    let removed = images::remove_all(tx, id).await?;
    let done: Vec<_> =
        removed.iter().filter(|image| image.was_done).map(|image| (image.id.clone(), image.created_at_ms)).collect();
    let removed: Vec<_> = removed.into_iter().map(|image| image.id).collect();
    for event in Event::feed_pictures(id, &done).into_iter().chain(Event::delete_objects(&removed)) {
        emit(tx, &event, now_ms).await?;
    }
    emit(tx, &Event::ReleaseEmail { email: row.email_normal.clone() }, now_ms).await?;
    let version = row.user.version + 1;
    emit_invalidation(tx, invalidate, id, version, now_ms).await?;
    Ok(Deleted { email: row.email_normal, version, sessions })
}
