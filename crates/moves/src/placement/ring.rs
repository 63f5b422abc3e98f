//! A hash ring with virtual nodes (Karger et al., Consistent Hashing and Random Trees, STOC 1997).
//!
//! A shard has [`POINTS`] points for each unit of its weight, a bucket belongs to the first point at or after its own hash. A point depends
//! on its shard alone, so a new shard takes buckets and none moves between the others. The counts are rough: a shard's part of the ring
//! strays from its share by about 1/√points, which is 9 % for 128, and the buckets stray from the ring on top.

use model::{Bucket, ShardId};
use xxhash_rust::xxh3::xxh3_64;

use super::{Load, Member, Refusal};

/// Points for each unit of weight.
const POINTS: u32 = 128;

/// The most that the weights may add up to, so that a ring is a few million points.
pub const MOST_WEIGHT: u64 = 32_768;

/// The owner each load should have.
pub fn owners(loads: &[Load], members: &[Member]) -> Result<Vec<ShardId>, Refusal> {
    let weights = members.iter().map(|member| u64::from(member.weight)).sum();
    if weights > MOST_WEIGHT {
        return Err(Refusal::RingTooLarge(weights));
    }
    let mut ring = Vec::new();
    for member in members {
        for replica in 0..member.weight * POINTS {
            ring.push((point(member.shard, replica), member.shard));
        }
    }
    // Two shards' points at one place: the lower id's counts.
    ring.sort_unstable();
    let mut owners = Vec::new();
    for load in loads {
        let next = ring.partition_point(|(at, _)| *at < hash(load.bucket));
        // The ring has a point, for some member has weight; behind the last one comes the first.
        let (_, owner) = ring[next % ring.len()];
        owners.push(owner);
    }
    Ok(owners)
}

/// XXH3 (64 bit, seed 0) of the shard's and the replica's number, four bytes each, little-endian.
fn point(shard: ShardId, replica: u32) -> u64 {
    xxh3_64(&(u64::from(replica) << 32 | u64::from(shard.0)).to_le_bytes())
}

/// XXH3 (64 bit, seed 0) of the bucket's number, four bytes, little-endian.
fn hash(bucket: Bucket) -> u64 {
    xxh3_64(&bucket.0.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{after, counts, equal, first_map, owners_of, weighted};
    use super::super::{Strategy, Transfer, plan};
    use super::*;

    const FEW: [u32; 8] = [0, 1, 2, 3, 978, 2048, 3275, 4095];

    fn planned(loads: &[Load], members: &[Member]) -> Vec<Transfer> {
        plan(Strategy::Ring, loads, members).unwrap()
    }

    fn placed(members: &[Member]) -> Vec<Load> {
        after(&first_map(4), &planned(&first_map(4), members))
    }

    #[test]
    fn the_ring_has_golden_numbers() {
        // The hashes and owners were computed a second time with the reference library of XXH3.
        assert_eq!(point(ShardId(0), 0), 14_374_147_212_387_527_897);
        assert_eq!(point(ShardId(3), 127), 17_972_657_840_033_404_521);
        assert_eq!(hash(Bucket(978)), 5_144_347_810_306_822_980);
        let (four, five) = (placed(&equal(4)), placed(&equal(5)));
        assert_eq!(owners_of(&four, FEW), [0, 3, 1, 2, 0, 2, 0, 0]);
        assert_eq!(owners_of(&five, FEW), [0, 3, 1, 2, 0, 2, 4, 0]);
        assert_eq!(counts(&four, &equal(4)), [1061, 837, 1074, 1124]);
        assert_eq!(counts(&five, &equal(5)), [827, 722, 827, 866, 854]);
        assert_eq!(planned(&four, &equal(5)).len(), 854);
    }

    #[test]
    fn a_shard_that_drains_is_the_only_one_that_loses_buckets() {
        let transfers = planned(&placed(&equal(4)), &weighted(&[1, 1, 0, 1]));
        assert!(!transfers.is_empty() && transfers.iter().all(|transfer| transfer.from == ShardId(2)));
    }

    #[test]
    fn weights_that_would_fill_the_memory_are_refused() {
        let members = weighted(&[32_767, 2]);
        assert_eq!(plan(Strategy::Ring, &first_map(2), &members), Err(Refusal::RingTooLarge(32_769)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_new_shard_is_the_only_one_that_gets_buckets(
            weights in prop::collection::vec(0_u32..4, 1..12),
            first in 1_u32..4,
            new in 1_u32..4,
        ) {
            let weights = [vec![first], weights].concat();
            let more = weighted(&[weights.clone(), vec![new]].concat());
            let newest = more[weights.len()].shard;
            let transfers = planned(&placed(&weighted(&weights)), &more);
            prop_assert!(transfers.iter().all(|transfer| transfer.to == newest));
        }

        /// Up to 16 shards.
        #[test]
        fn a_count_is_between_half_and_one_and_a_half_times_the_share(weights in prop::collection::vec(1_u32..4, 1..16)) {
            let members = weighted(&weights);
            let all: usize = weights.iter().map(|weight| *weight as usize).sum();
            for (member, count) in members.iter().zip(counts(&placed(&members), &members)) {
                let share = 4096 * member.weight as usize / all;
                prop_assert!(count * 2 >= share && count * 2 <= share * 3, "{count} of {share}");
            }
        }
    }
}
