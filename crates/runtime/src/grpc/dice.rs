//! Chance, where it only has to spread things: which server is asked, how long is waited.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// An even spread over `u64`: the standard library's random keys, once, and a counter mixed by `SplitMix64` from there on.
#[derive(Debug)]
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub fn new() -> Self {
        Self(AtomicU64::new(random()))
    }

    /// A number below `bound`, which is 1 or more.
    pub fn below(&self, bound: usize) -> usize {
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(mixed % bound).unwrap_or(0)
    }
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Four to six fifths of a duration, so that what began together does not stay together.
pub(super) fn around(duration: Duration) -> Duration {
    let share = u32::try_from(random() % 401).unwrap_or(0);
    duration * (800 + share) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_stays_within_a_fifth() {
        for _ in 0..1000 {
            let wait = around(Duration::from_secs(10));
            assert!((8_000..=12_000).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn every_number_comes_up() {
        let dice = Dice::new();
        let mut seen = [0_u32; 3];
        for _ in 0..3000 {
            seen[dice.below(3)] += 1;
        }
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
    }
}
