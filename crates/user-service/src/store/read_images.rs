//! Reads of images.

use api::position::Position;
use model::{
    ImageId, Result, UserId,
    image::{Image, ImageStatus},
};
use store::tables::images;

use super::{Page, Recipes, report_job::JobOf};

impl Recipes {
    /// An image as a caller who has seen `seen` of its own writes is to see it; with `done_only` a finished one, such as everybody may see.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn show_image(&self, of: &JobOf, done_only: bool, seen: &[Position]) -> Result<Image> {
        self.shards().heat().read(of.user);
        if done_only && let Some(copy) = self.copy_of(of, seen).await {
            return Ok(copy);
        }
        let image = self.show_own(of, seen).await?;
        if done_only && image.status != ImageStatus::Done { Err(no_image()) } else { Ok(image) }
    }

    async fn show_own(&self, of: &JobOf, seen: &[Position]) -> Result<Image> {
        let mut shown = self.shards().show(of.user, seen).await?;
        let found = images::get(&mut shown.read, shown.place.bucket, of.user, &of.image).await?;
        if found.is_none() && shown.on_replica {
            // It may not have it yet.
            return self.get_image(of).await;
        }
        found.map(|row| row.image).ok_or_else(no_image)
    }

    /// An image as it is now.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn get_image(&self, of: &JobOf) -> Result<Image> {
        let (bucket, mut read) = self.shards().read_user(of.user)?;
        let found = images::get(&mut read, bucket, of.user, &of.image).await?;
        found.map(|row| row.image).ok_or_else(no_image)
    }

    /// A user's images, the newest first, older than `before`. Ids are in the order of time. With `done_only` finished ones, such as
    /// everybody may see.
    pub async fn list_images(
        &self,
        user: UserId,
        before: Option<ImageId>,
        limit: usize,
        done_only: bool,
        seen: &[Position],
    ) -> Result<Page<Image>> {
        self.shards().heat().read(user);
        if done_only && let Some(page) = self.copies_of(user, before.as_ref(), limit, seen).await {
            return Ok(page);
        }
        let mut shown = self.shards().show(user, seen).await?;
        let bucket = shown.place.bucket;
        let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let rows = images::page(&mut shown.read, bucket, user, before.as_ref(), done_only, wanted).await?;
        Ok(Page::cut(rows.into_iter().map(|row| row.image).collect(), limit))
    }
}

/// `NOT_FOUND` for an image.
pub(super) fn no_image() -> model::Error {
    model::Error::not_found("image")
}
