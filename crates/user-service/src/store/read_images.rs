//! Reads of images.

use model::{ImageId, Result, UserId, image::Image};
use store::tables::images;

use super::{Page, Recipes, report_job::JobOf};

impl Recipes {
    /// An image.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn get_image(&self, of: &JobOf) -> Result<Image> {
        self.shards().heat().read(of.user);
        let bucket = self.shards().place(of.user)?.bucket;
        let found = images::get(&mut self.shards().read(of.user)?, bucket, of.user, &of.image).await?;
        found.map(|row| row.image).ok_or_else(no_image)
    }

    /// A user's images, the newest first, older than `before`. Ids are in the order of time.
    pub async fn list_images(
        &self,
        user: UserId,
        before: Option<ImageId>,
        limit: usize,
        done_only: bool,
    ) -> Result<Page<Image>> {
        self.shards().heat().read(user);
        let bucket = self.shards().place(user)?.bucket;
        let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut read = self.shards().read(user)?;
        let rows = images::page(&mut read, bucket, user, before.as_ref(), done_only, wanted).await?;
        Ok(Page::cut(rows.into_iter().map(|row| row.image).collect(), limit))
    }
}

/// `NOT_FOUND` for an image.
pub(super) fn no_image() -> model::Error {
    model::Error::not_found("image")
}
