//! What the feed has to be: the newest finished pictures of all shards, read in bounded pages, shard by shard.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use feed::{Picture, Place};
use model::{Bucket, ImageId, UserId, image::Image, profile::User};
use store::{
    Read, Shard,
    tables::{
        images,
        users::{self, State},
    },
};
use topology::{Shards, Topology};

use super::picture;

/// Rows in one statement.
const PAGE: u32 = 500;

/// An image's id is made when its upload begins, its time is that of its row: an upload and what clocks differ by lie between, far
/// less than this.
const UPLOAD_MS: i64 = 3_600_000;

/// The newest pictures, each as a print of what is shown of it.
pub(super) struct Truth {
    most: usize,
    prints: BTreeMap<Place, u64>,
    /// Whether there are older ones that were left out.
    cut: bool,
}

impl Truth {
    fn add(&mut self, picture: &Picture) {
        self.prints.insert(picture.place.clone(), print(picture));
        if self.prints.len() > self.most {
            self.prints.pop_first();
            self.cut = true;
        }
    }

    /// Whether no image of this id or a smaller one can be among the newest.
    fn is_full_before(&self, id: &ImageId) -> bool {
        let oldest = self.prints.first_key_value().filter(|_| self.prints.len() >= self.most);
        oldest.is_some_and(|(oldest, _)| made_at_ms(id) + UPLOAD_MS < oldest.created_at_ms())
    }

    /// Above this place every picture is there; none where there are no others.
    pub(super) fn floor(&self) -> Option<Place> {
        self.prints.first_key_value().filter(|_| self.cut).map(|(oldest, _)| oldest.clone())
    }

    pub(super) fn prints(self) -> BTreeMap<Place, u64> {
        self.prints
    }

    pub(super) fn has(&self, place: &Place) -> bool {
        self.prints.contains_key(place)
    }

    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }
}

/// A print of what is shown of a picture; good within a process.
pub(super) fn print(picture: &Picture) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&picture.variant, &picture.key, &picture.names.first, &picture.names.last).hash(&mut hasher);
    hasher.finish()
}

/// The time in a time-ordered id (UUID version 7: its first 48 bits), in milliseconds since 1970-01-01 UTC.
fn made_at_ms(id: &ImageId) -> i64 {
    id.as_str().get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok()).unwrap_or(i64::MAX / 2)
}

/// Reads all of it, a page at a time.
pub(super) struct Scan {
    truth: Truth,
    /// One for the whole scan: while a bucket moves, two shards have its rows, and it says whose count.
    topology: Arc<Topology>,
    /// Not read to the end; the last one is read now.
    shards: Vec<Shard>,
    before: Option<(Bucket, ImageId)>,
}

impl Scan {
    /// # Errors
    /// Unavailable where a shard is not there: a feed without its pictures would be wrong.
    pub(super) fn of(shards: &Shards, most: usize) -> store::Result<Self> {
        let truth = Truth { most, prints: BTreeMap::new(), cut: false };
        Ok(Self { truth, topology: shards.topology(), shards: shards.every()?, before: None })
    }

    /// The next pictures, which may be none; nothing at the end.
    pub(super) async fn next(&mut self) -> store::Result<Option<Vec<Picture>>> {
        let Some(shard) = self.shards.last().cloned() else { return Ok(None) };
        let mut read = shard.read_all();
        let rows = images::newest_done(&mut read, self.before.as_ref(), PAGE).await?;
        let ended = rows.len() < PAGE as usize;
        self.before = rows.last().map(|(bucket, row)| (*bucket, row.image.id.clone()));
        let own = rows.into_iter().filter(|(bucket, row)| self.topology.is_at(row.image.user_id, shard.id(), *bucket));
        let own: Vec<Image> = own.map(|(_, row)| row.image).collect();
        let owners = self.owners(&mut read, &own).await?;
        let shown = own.into_iter().filter_map(|image| picture(image.clone(), owners.get(&image.user_id)?));
        let pictures: Vec<Picture> = shown.collect();
        for picture in &pictures {
            self.truth.add(picture);
        }
        let full = self.before.as_ref().is_some_and(|(_, id)| self.truth.is_full_before(id));
        if ended || full {
            self.truth.cut |= !ended;
            self.shards.pop();
            self.before = None;
        }
        Ok(Some(pictures))
    }

    async fn owners(&self, read: &mut Read, of: &[Image]) -> store::Result<HashMap<UserId, User>> {
        let users: HashSet<UserId> = of.iter().map(|image| image.user_id).collect();
        let keys: Vec<_> = users.into_iter().map(|user| (self.topology.locate(user).bucket, user)).collect();
        let rows = users::get_many(read, &keys).await?;
        let live = rows.into_iter().filter(|row| row.state == State::Live);
        Ok(live.map(|row| (row.user.id, row.user)).collect())
    }

    pub(super) fn truth(self) -> Truth {
        self.truth
    }
}
