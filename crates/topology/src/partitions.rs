//! The buckets that a user's finished pictures are read from: each picture by its id in one of several, which may lie on several shards.
//! They hold copies; the user's own bucket stays the truth.

use model::{Bucket, ImageId};
use serde::{Deserialize, Serialize};

/// The most buckets that one user's pictures are split over: a list asks each of them.
pub const MAX_PARTITIONS: usize = 64;

/// One user's partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitions {
    /// Private buckets. Their order says which picture is where, so it never changes.
    pub buckets: Vec<u32>,
    /// Whether they are read from. Copies are kept before, while those of older pictures are made.
    pub shown: bool,
}

impl Partitions {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Bucket> {
        self.buckets.iter().map(|bucket| Bucket(*bucket))
    }

    /// Where the copy of a picture is.
    pub fn of(&self, image: &ImageId) -> Bucket {
        Bucket(self.buckets[image.part_of(self.buckets.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R70: a change here would look for every copy in another bucket.
    #[test]
    fn pictures_have_golden_partitions_and_spread_evenly() {
        let parts = Partitions { buckets: vec![4097, 4098, 4099, 4100], shown: true };
        let image = |n: u128| ImageId::from_bytes(n.to_be_bytes());
        assert_eq!([1, 2, 3, 12].map(|n| parts.of(&image(n)).0), [4097, 4097, 4099, 4097]);
        let mut counts = [0u32; 4];
        for n in 0..10_000 {
            counts[parts.of(&image(n)).0 as usize - 4097] += 1;
        }
        assert!(counts.iter().all(|count| (2_300..2_700).contains(count)), "{counts:?}");
    }
}
