//! Deletion of an image: its row, its place on the profile, and by outbox its objects.

use model::Result;
use store::{
    BucketTx,
    tables::{images, users},
};

use super::{Done, Recipes, contended, emit, emit_invalidation, read_images::no_image, report_job::JobOf};
use crate::outbox::event::Event;

impl Recipes {
    /// Deletes an image. A worker that is at it learns so when it reports.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn delete_image(&self, of: JobOf, now_ms: i64) -> Result<Done<()>> {
        let invalidate = self.config().outbox.invalidate;
        let image = of.image.clone();
        let written = self
            .shards()
            .write(of.user, move |tx| Box::pin(async move { delete(tx, &of, invalidate, now_ms).await }))
            .await?;
        let done = Done::of(written);
        if let Some(user) = &done.value {
            let mark = done.positions.last().and_then(|at| self.mark(user.id, *at));
            self.users().changed(user, mark).await;
        }
        self.notices().tell(&image);
        self.poke().other();
        Ok(done.map(|_| ()))
    }
}

/// The user, where the image was worn.
async fn delete(
    tx: &mut BucketTx<'_>,
    of: &JobOf,
    invalidate: bool,
    now_ms: i64,
) -> store::Result<Option<model::profile::User>> {
    let Some(removed) = images::remove(tx, of.user, &of.image).await? else { return Err(no_image().into()) };
    if removed.was_done {
        for event in Event::feed_pictures(of.user, &[(removed.id, removed.created_at_ms)]) {
            emit(tx, &event, now_ms).await?;
        }
    }
    for event in Event::delete_objects(std::slice::from_ref(&of.image)) {
        emit(tx, &event, now_ms).await?;
    }
    let bucket = tx.bucket();
    let Some(row) = users::get_live(tx, bucket, of.user).await? else {
        return Ok(None);
    };
    if row.user.picture.as_ref().is_none_or(|worn| worn.image_id != of.image) {
        return Ok(None);
    }
    let next = super::set_picture::without(&row, now_ms);
    if !users::update(tx, row.user.version, &next).await? {
        return Err(contended().into());
    }
    emit_invalidation(tx, invalidate, of.user, next.user.version, now_ms).await?;
    Ok(Some(next.user))
}
