//! Telling the feed what became of pictures and names. Read from the shard that owns the user, or not at all: of what a former owner
//! does not have any more, the feed would think that it is gone.

use feed::{Names, Place};
use model::{ImageId, UserId};
use store::{
    Error,
    tables::{
        images::{self, ImageRow},
        users::{self, UserRow},
    },
};

use super::{Failure, Recent, picture};

impl Recent {
    /// Looks at pictures of a user, named by id and time of upload, and shows what they are now. Answers how many are gone.
    ///
    /// # Errors
    /// Where a shard or the feed does not answer; look again.
    pub async fn look_at(&self, user: UserId, named: Vec<(ImageId, i64)>, now_ms: i64) -> Result<usize, Failure> {
        self.require_engine()?;
        let ids: Vec<ImageId> = named.iter().map(|(image, _)| image.clone()).collect();
        let (owner, rows) = self.read(user, &ids).await?;
        let mut shown = Vec::with_capacity(rows.len());
        if let Some(owner) = owner {
            let own = rows.into_iter().filter(|row| row.image.user_id == user);
            shown.extend(own.filter_map(|row| picture(row.image, &owner.user)));
        }
        let mut gone: Vec<Place> = named.into_iter().map(|(image, at_ms)| Place::new(at_ms, user, image)).collect();
        gone.retain(|place| !shown.iter().any(|picture| picture.place == *place));
        self.0.engine.remove(&gone, now_ms).await?;
        self.0.engine.put(&shown, now_ms).await?;
        Ok(gone.len())
    }

    /// Looks at a user's names and shows them.
    ///
    /// # Errors
    /// As for [`Recent::look_at`].
    pub async fn rename(&self, user: UserId) -> Result<(), Failure> {
        self.require_engine()?;
        // A user who is gone has no pictures either, and each of them is told of.
        let (Some(owner), _) = self.read(user, &[]).await? else { return Ok(()) };
        let UserRow { user: profile, .. } = owner;
        let names = Names { version: profile.version, first: profile.first_name, last: profile.last_name };
        Ok(self.0.engine.rename(user, &names).await?)
    }

    /// While the feed's store is away, events come back again and again: the shards have enough to do then.
    fn require_engine(&self) -> Result<(), Failure> {
        if self.0.engine.is_away() {
            return Err(Failure::Feed(feed::Error("it has not answered of late".to_owned())));
        }
        Ok(())
    }

    /// The live user and those images that there are; a caller whose topology is old learns the newest and reads once more.
    async fn read(&self, user: UserId, ids: &[ImageId]) -> store::Result<(Option<UserRow>, Vec<ImageRow>)> {
        match self.read_once(user, ids).await {
            Err(Error::Moved { .. }) => {
                self.0.shards.refresh().await;
                self.read_once(user, ids).await
            }
            read => read,
        }
    }

    async fn read_once(&self, user: UserId, ids: &[ImageId]) -> store::Result<(Option<UserRow>, Vec<ImageRow>)> {
        let (bucket, mut read) = self.0.shards.read_user(user)?;
        let owner = users::get_live(&mut read, bucket, user).await?;
        let mut rows = Vec::with_capacity(ids.len());
        for ids in ids.chunks(images::FIND_MAX) {
            let found = images::find(&mut read, ids).await?.into_iter();
            // A user that gets another bucket leaves a copy behind for a while.
            rows.extend(found.filter(|(there, _)| *there == bucket).map(|(_, row)| row));
        }
        read.still_owned().await?;
        Ok((owner, rows))
    }
}
