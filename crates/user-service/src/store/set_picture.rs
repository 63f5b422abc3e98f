//! The picture that a profile wears.

use model::{
    Error, ImageId, Location, Result, UserId,
    profile::{ProfilePicture, User},
};
use store::{
    BucketTx,
    tables::{
        images,
        users::{self, UserRow},
    },
};

use super::{Done, Recipes, contended, emit_invalidation, no_user, require_version};
use crate::domain::worn_picture;

impl Recipes {
    /// Puts a finished picture of the user's own on.
    ///
    /// # Errors
    /// `INVALID_INPUT` at `/imageId` or `/variant`, `PICTURE_NOT_READY`, `VERSION_MISMATCH`.
    pub async fn set_picture(
        &self,
        user: UserId,
        image: &str,
        variant: String,
        if_version: Option<u64>,
        now_ms: i64,
    ) -> Result<Done<User>> {
        let image = ImageId::parse(image).ok_or_else(unknown_image)?;
        self.dress(user, Some((image, variant)), if_version, now_ms).await
    }

    /// Takes the picture off.
    ///
    /// # Errors
    /// `NOT_FOUND`, `VERSION_MISMATCH`.
    pub async fn clear_picture(&self, user: UserId, if_version: Option<u64>, now_ms: i64) -> Result<Done<User>> {
        self.dress(user, None, if_version, now_ms).await
    }

    async fn dress(
        &self,
        user: UserId,
        wanted: Option<(ImageId, String)>,
        if_version: Option<u64>,
        now_ms: i64,
    ) -> Result<Done<User>> {
        let invalidate = self.config().outbox.invalidate;
        let written = self
            .shards()
            .write(user, move |tx| {
                Box::pin(async move { change(tx, user, wanted, if_version, invalidate, now_ms).await })
            })
            .await?;
        Ok(self.committed(written).await)
    }
}

async fn change(
    tx: &mut BucketTx<'_>,
    user: UserId,
    wanted: Option<(ImageId, String)>,
    if_version: Option<u64>,
    invalidate: bool,
    now_ms: i64,
) -> store::Result<(Box<User>, bool)> {
    let bucket = tx.bucket();
    let row = users::get_live(tx, bucket, user).await?.ok_or_else(no_user)?;
    require_version(if_version, row.user.version)?;
    let next = match wanted {
        None if row.user.picture.is_none() => return Ok((Box::new(row.user), false)),
        None => without(&row, now_ms),
        Some((image, variant)) => {
            let found = images::get(tx, bucket, user, &image).await?.ok_or_else(unknown_image)?;
            let chosen = worn_picture::choose(&found.image, &variant)?;
            let same =
                row.user.picture.as_ref().is_some_and(|worn| worn.image_id == image && worn.variant == chosen.name);
            if same {
                return Ok((Box::new(row.user), false));
            }
            let picture = ProfilePicture {
                image_id: image,
                variant: chosen.name.clone(),
                key: chosen.key.clone(),
                version: row.picture_version + 1,
            };
            with(&row, Some(picture), now_ms)
        }
    };
    if !users::update(tx, row.user.version, &next).await? {
        return Err(contended().into());
    }
    emit_invalidation(tx, invalidate, user, next.user.version, now_ms).await?;
    Ok((Box::new(next.user), true))
}

/// The row with no picture worn.
pub(super) fn without(row: &UserRow, now_ms: i64) -> UserRow {
    with(row, None, now_ms)
}

fn with(row: &UserRow, picture: Option<ProfilePicture>, now_ms: i64) -> UserRow {
    let mut next = row.clone();
    next.picture_version += 1;
    next.user.picture = picture;
    next.user.version += 1;
    next.user.updated_at_ms = now_ms.max(row.user.updated_at_ms);
    next
}

fn unknown_image() -> Error {
    Error::invalid(Vec::new()).field(Location::Pointer("/imageId".into()), "must be the id of one of your pictures")
}
