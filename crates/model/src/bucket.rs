//! Buckets: the unit that lives on one shard and moves whole.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::UserId;

/// Public buckets. Private ones, made for isolated users, are numbered from here on.
pub const BUCKETS: u32 = 4096;

/// A bucket number: 0 to 4095 public, from 4096 private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket(pub u32);

impl Bucket {
    /// `user_id % 4096`; with a shard count that divides 4096 this gives the textbook's `user_id % shards`.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below 4096")]
    pub const fn of_user(user: UserId) -> Self {
        Self((user.get() % BUCKETS as u64) as u32)
    }

    /// The bucket of an e-mail's normal form: XXH3 (64 bit, seed 0) of its UTF-8 bytes, modulo 4096.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below 4096")]
    pub fn of_email(normal: &str) -> Self {
        Self((xxh3_64(normal.as_bytes()) % u64::from(BUCKETS)) as u32)
    }

    /// The bucket of a print (an idempotency key's hash): its first four bytes, little-endian, modulo 4096.
    pub fn of_print(print: &[u8; 32]) -> Self {
        Self(u32::from_le_bytes([print[0], print[1], print[2], print[3]]) % BUCKETS)
    }

    /// Whether it is a user's own: those are numbered after the 4096 that users share.
    pub const fn is_private(self) -> bool {
        self.0 >= BUCKETS
    }

    /// The number as the databases hold it.
    pub const fn as_i64(self) -> i64 {
        self.0 as i64
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a bucket has changed hands. A write with another epoch than the owner row's is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The number as the databases hold it.
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }
}

/// A shard's number in the catalog, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u32);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_golden_numbers() {
        let user = |id| Bucket::of_user(UserId::new(id).unwrap());
        assert_eq!(user(12), Bucket(12));
        assert_eq!(user(4096 + 13), Bucket(13));
        // A change here would send every e-mail to another shard.
        assert_eq!(Bucket::of_email("john@example.com"), Bucket(978));
    }
}
