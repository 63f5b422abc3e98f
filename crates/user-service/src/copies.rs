//! The copies of a celebrity's finished pictures in its partitions, kept by the events that tell of its pictures.
//!
//! The user's own bucket is the truth. An event says only that something has happened to a picture: what is copied is what is so by then, so
//! events may come twice and in any order. A picture that is gone leaves a mark in its partition, by which whoever read it before and
//! copies it late is refused (`store::copies`).

use std::collections::BTreeMap;

use model::{Bucket, ImageId, UserId, image::ImageStatus};
use store::{
    Error, Result, copies,
    tables::images::{self, ImageRow},
};
use topology::{Key, Partitions, Shards};

/// Keeps copies. Cheap to clone.
#[derive(Clone)]
pub struct Copies(Shards);

/// What a partition is to have, and what it is not to have any more.
#[derive(Debug, Clone, Default)]
struct Change {
    there: Vec<ImageRow>,
    gone: Vec<ImageId>,
}

impl Copies {
    /// Keeps the copies in these shards.
    pub const fn new(shards: Shards) -> Self {
        Self(shards)
    }

    /// Looks at pictures of a user that have been finished or removed, and makes their copies so. Nothing where the map at hand knows of no
    /// partitions; whether that map is the right one, the caller knows: it has read the user by it, or by one before.
    ///
    /// # Errors
    /// Where a shard does not answer; look again.
    pub async fn look_at(&self, user: UserId, images: &[ImageId], now_ms: i64) -> Result<()> {
        let (partitions, rows) = match self.read(user, images).await {
            Err(Error::Moved { .. }) => {
                self.0.refresh().await;
                self.read(user, images).await?
            }
            read => read?,
        };
        let Some(partitions) = partitions else { return Ok(()) };
        let mut changes: BTreeMap<Bucket, Change> = BTreeMap::new();
        for id in images {
            let change = changes.entry(partitions.of(id)).or_default();
            match rows.iter().find(|row| row.image.id == *id) {
                Some(row) if row.image.status == ImageStatus::Done => change.there.push(row.clone()),
                // No event tells of one that is not finished.
                Some(_) => {}
                None => change.gone.push(id.clone()),
            }
        }
        for (bucket, change) in changes {
            let written = self.0.write(Key::Partition(user, bucket), move |tx| {
                Box::pin(async move {
                    for row in &change.there {
                        copies::put(tx, row).await?;
                    }
                    for id in &change.gone {
                        copies::remove(tx, user, id, now_ms).await?;
                    }
                    Ok(())
                })
            });
            written.await?;
        }
        Ok(())
    }

    /// The user's partitions and those of the pictures that there are, read from the shard that owns the user by the map that has the
    /// partitions.
    async fn read(&self, user: UserId, ids: &[ImageId]) -> Result<(Option<Partitions>, Vec<ImageRow>)> {
        let topology = self.0.topology();
        let Some(partitions) = topology.partitions_of(user) else { return Ok((None, Vec::new())) };
        let place = topology.locate(user);
        let shard =
            self.0.get(place.shard).ok_or_else(|| Error::Unavailable(format!("shard {} is not open", place.shard)))?;
        let mut read = shard.read(place.ownership());
        let mut rows = Vec::with_capacity(ids.len());
        for ids in ids.chunks(images::FIND_MAX) {
            let found = images::find(&mut read, ids).await?.into_iter();
            rows.extend(
                found.filter(|(there, row)| (*there, row.image.user_id) == (place.bucket, user)).map(|(_, row)| row),
            );
        }
        read.still_owned().await?;
        Ok((Some(partitions.clone()), rows))
    }
}
