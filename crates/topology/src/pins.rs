//! Users with a bucket of their own. Looked up on every request, so it is a flat table with a multiplicative hash, and free when empty.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// User id → private bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pins(HashMap<u64, u32, BuildHasherDefault<IdHasher>>);

impl Pins {
    /// The private bucket of a user, if it has one.
    #[inline]
    pub(crate) fn get(&self, user: u64) -> Option<u32> {
        if self.0.is_empty() { None } else { self.0.get(&user).copied() }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.0.iter().map(|(&user, &bucket)| (user, bucket))
    }
}

impl FromIterator<(u64, u32)> for Pins {
    fn from_iter<I: IntoIterator<Item = (u64, u32)>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

/// Fibonacci hashing: the ids are ours (dense, from the router), so nobody can choose them to collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write_u64(&mut self, id: u64) {
        let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
