//! Highest random weight with bounded load.
//!
//! A bucket scores every shard by a hash of the two and belongs to the highest (Thaler and Ravishankar, A Name-Based Mapping Scheme for
//! Rendezvous, University of Michigan CSE-TR-316-96, 1996). With the score -w / ln(h), h uniform in (0, 1), the chance to be the highest is
//! in proportion to the weight w: the highest is the first of exponential clocks of rates w. No shard takes more than 1.05 times its share,
//! rounded up; who finds its best shard full takes the next best (Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with Bounded
//! Loads, SODA 2018). Buckets choose by number, so the owners depend on the members and the set of buckets, not on where the buckets are.
//!
//! The bound costs steadiness. Without it a new shard would take buckets and none would move between the others. With it, that holds for
//! every bucket that had its best shard and has it now; who was crowded out, or is now, may move between old shards.

use model::{Bucket, ShardId};
use xxhash_rust::xxh3::xxh3_64;

use super::{Load, Member};

/// The bound, in percent of the share.
const BOUND_PERCENT: u128 = 105;

/// The owner each load should have.
pub fn owners(loads: &[Load], members: &[Member]) -> Vec<ShardId> {
    let mut room = bounds(loads.len(), members);
    let mut owners = Vec::new();
    for load in loads {
        let mut best: Option<(f64, usize)> = None;
        for (at, member) in members.iter().enumerate() {
            let score = score(load.bucket, *member);
            // Equal scores: the lower id.
            if room[at] > 0 && best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, at));
            }
        }
        // The bounds add up to more than the buckets, so some shard has room.
        owners.push(best.map_or(load.on, |(_, at)| members[at].shard));
        if let Some((_, at)) = best {
            room[at] -= 1;
        }
    }
    owners
}

/// The most buckets that each member may own.
fn bounds(buckets: usize, members: &[Member]) -> Vec<u128> {
    let weights: u128 = members.iter().map(|member| u128::from(member.weight)).sum();
    let most = |weight| (BOUND_PERCENT * buckets as u128 * u128::from(weight)).div_ceil(100 * weights);
    members.iter().map(|member| most(member.weight)).collect()
}

/// -w / ln(h). h is the upper 52 bits of XXH3 (64 bit, seed 0) of the shard's and the bucket's number, four bytes
/// each, little-endian; in the middle of its interval, so that it is exact and neither 0 nor 1.
///
/// Logarithms may differ in the last bit from one machine to another; that decides nothing unless two scores are as near as that, and the
/// catalog holds what was decided.
#[expect(clippy::cast_precision_loss, reason = "52 bits and a half are the 53 that fit")]
fn score(bucket: Bucket, member: Member) -> f64 {
    let hash = xxh3_64(&(u64::from(bucket.0) << 32 | u64::from(member.shard.0)).to_le_bytes());
    let h = ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -f64::from(member.weight) / h.ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{after, counts, equal, first_map, owners_of, weighted};
    use super::super::{Strategy, Transfer, plan};
    use super::*;

    const FEW: [u32; 8] = [0, 1, 2, 3, 978, 2048, 3275, 4095];

    fn planned(loads: &[Load], members: &[Member]) -> Vec<Transfer> {
        plan(Strategy::Rendezvous, loads, members).unwrap()
    }

    fn placed(members: &[Member]) -> Vec<Load> {
        after(&first_map(4), &planned(&first_map(4), members))
    }

    /// The bucket's best shard where nothing is bounded.
    fn best(bucket: Bucket, members: &[Member]) -> ShardId {
        let with_weight = members.iter().filter(|member| member.weight > 0);
        with_weight.max_by(|a, b| score(bucket, **a).total_cmp(&score(bucket, **b))).unwrap().shard
    }

    #[test]
    fn rendezvous_has_golden_numbers() {
        // The owners were computed a second time with the reference library of XXH3.
        let (four, five) = (placed(&equal(4)), placed(&equal(5)));
        assert_eq!(owners_of(&four, FEW), [0, 0, 2, 0, 1, 2, 1, 1]);
        assert_eq!(owners_of(&five, FEW), [4, 0, 2, 4, 1, 2, 1, 1]);
        assert_eq!(counts(&four, &equal(4)), [1009, 990, 1048, 1049]);
        assert_eq!(counts(&five, &equal(5)), [815, 787, 839, 820, 835]);
        // All, and of them those between old shards: no shard is full with four or five, some are with eight and nine.
        let moves = |loads: &[Load], new: u32| {
            let transfers = planned(loads, &equal(new + 1));
            (transfers.len(), transfers.iter().filter(|transfer| transfer.to != ShardId(new)).count())
        };
        assert_eq!(moves(&four, 4), (835, 0));
        assert_eq!(moves(&placed(&equal(8)), 8), (484, 6));
    }

    #[test]
    fn a_score_is_a_finite_positive_number_and_doubles_with_the_weight() {
        for bucket in 0..4096 {
            let one = score(Bucket(bucket), Member { shard: ShardId(7), weight: 1 });
            let two = score(Bucket(bucket), Member { shard: ShardId(7), weight: 2 });
            assert!(one.is_finite() && one > 0.0 && two.to_bits() == (one * 2.0).to_bits());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn no_count_is_above_the_bound_and_only_a_full_shard_is_passed_over(weights in prop::collection::vec(1_u32..4, 1..12)) {
            let members = weighted(&weights);
            let loads = placed(&members);
            let counts = counts(&loads, &members);
            let all: usize = weights.iter().map(|weight| *weight as usize).sum();
            let bound = |weight: u32| (105 * 4096 * weight as usize).div_ceil(100 * all);
            for (member, count) in members.iter().zip(&counts) {
                prop_assert!(*count <= bound(member.weight));
            }
            for load in loads {
                let own = members.iter().find(|member| member.shard == load.on).unwrap();
                for (member, count) in members.iter().zip(&counts) {
                    let better = score(load.bucket, *member) > score(load.bucket, *own);
                    prop_assert!(!better || *count == bound(member.weight));
                }
            }
        }

        #[test]
        fn when_a_shard_comes_or_drains_only_buckets_that_are_crowded_out_move_between_the_others(
            weights in prop::collection::vec(1_u32..4, 1..12),
            new in 1_u32..4,
        ) {
            let all = weighted(&[weights.clone(), vec![new]].concat());
            let without = weighted(&[weights, vec![0]].concat());
            let last = all[all.len() - 1].shard;
            for (from, to) in [(&without, &all), (&all, &without)] {
                let loads = placed(from);
                for transfer in planned(&loads, to).iter().filter(|transfer| transfer.from != last && transfer.to != last) {
                    let had_best = transfer.from == best(transfer.bucket, from);
                    let has_best = transfer.to == best(transfer.bucket, to);
                    prop_assert!(!had_best || !has_best);
                }
            }
        }
    }
}
