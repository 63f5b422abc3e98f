//! The pure map: golden numbers, evenness, pins, and what it refuses.

use std::hint::black_box;
use std::time::Instant;

use model::{Bucket, Epoch, ShardId, UserId};
use proptest::prelude::*;
use topology::{Invalid, Owner, Partitions, Parts, ShardState, Topology};

use crate::samples::{parts, topology};

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

/// R66: the textbook's numbers. A change here would look for every user on another shard.
#[test]
fn places_have_golden_numbers() {
    let four = topology(1, 4);
    let shards = [12, 13, 14, 15, 4096, 4097, 9_007_199_254_740_991].map(|id| four.locate(user(id)).shard.0);
    assert_eq!(shards, [0, 1, 2, 3, 0, 1, 3]);
    let buckets = [1, 12, 4095, 4096, 8205, 9_007_199_254_740_991].map(|id| four.bucket_of(user(id)).0);
    assert_eq!(buckets, [1, 12, 4095, 0, 13, 4095]);
    // Five does not divide 4096: buckets decide, not the id's own remainder.
    let five = topology(1, 5);
    assert_eq!([5, 4096, 4101].map(|id| five.locate(user(id)).shard.0), [0, 0, 0]);
}

/// R65: shards are disjoint and together they are the whole.
#[test]
fn every_bucket_is_owned_exactly_once() {
    for shards in 1..=9 {
        let topology = topology(1, shards);
        let mut all: Vec<u32> = topology
            .shards()
            .iter()
            .flat_map(|shard| topology.owned_buckets(shard.shard_id()))
            .map(|own| own.bucket.0)
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..4096).collect::<Vec<_>>());
        for shard in topology.shards() {
            for own in topology.owned_buckets(shard.shard_id()) {
                assert_eq!(topology.place_of(own.bucket).unwrap().shard, shard.shard_id());
            }
        }
    }
}

/// Pearson's statistic against the even distribution.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn chi_squared(counts: &[u32]) -> f64 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&count| (f64::from(count) - mean).powi(2) / mean).sum()
}

/// R67: dense ids, as they are given out, and any contiguous part of them.
#[test]
fn dense_ids_spread_evenly_over_buckets_and_shards() {
    for shards in [2, 3, 4, 5, 7] {
        let topology = topology(1, shards);
        for (first, count) in [(1, 100_000), (7_777_777, 50_000), (1 << 40, 20_000)] {
            let (mut per_bucket, mut per_shard) = (vec![0; 4096], vec![0; shards as usize]);
            for id in first..first + count {
                let place = topology.locate(user(id));
                per_bucket[place.bucket.0 as usize] += 1;
                per_shard[place.shard.0 as usize] += 1;
            }
            // Limits of χ² at p = 0.999 for 4095 and for 6 degrees of freedom.
            assert!(chi_squared(&per_bucket) < 4382.0, "{shards} shards from {first}: {}", chi_squared(&per_bucket));
            assert!(chi_squared(&per_shard) < 22.5, "{shards} shards from {first}: {per_shard:?}");
        }
    }
}

/// R67: what is left where processes crash early, so that of every block of 257 only the first few ids were used.
#[test]
fn ids_with_gaps_spread_evenly_too() {
    let topology = topology(1, 4);
    for used in [1, 3, 10] {
        let (mut per_bucket, mut per_shard) = (vec![0; 4096], vec![0; 4]);
        for block in 0..10_000u64 {
            for id in 0..used {
                let place = topology.locate(user(1 + block * 257 + id));
                per_bucket[place.bucket.0 as usize] += 1;
                per_shard[place.shard.0 as usize] += 1;
            }
        }
        assert!(chi_squared(&per_bucket) < 4382.0, "{used}: {}", chi_squared(&per_bucket));
        assert!(chi_squared(&per_shard) < 16.3, "{used}: {per_shard:?}");
    }
}

#[test]
fn a_pin_comes_before_the_bucket() {
    let mut parts = parts(2, 4);
    parts.buckets.push(None);
    parts.buckets.push(Some(Owner(3, 7)));
    parts.pins.insert(12, 4097);
    let topology = Topology::new(parts).unwrap();
    let place = topology.locate(user(12));
    assert_eq!((place.bucket, place.epoch, place.shard), (Bucket(4097), Epoch(7), ShardId(3)));
    assert_eq!(topology.place_of(Bucket(4097)), Some(place));
    // Its neighbours in bucket 12 stay, and a private bucket that ended is nowhere.
    assert_eq!(topology.locate(user(12 + 4096)).bucket, Bucket(12));
    assert_eq!(topology.place_of(Bucket(4096)), None);
    assert_eq!(topology.place_of(Bucket(4098)), None);
}

#[test]
fn what_is_no_topology_is_refused_with_the_reason() {
    let refused = |edit: fn(&mut Parts)| {
        let mut parts = parts(1, 2);
        edit(&mut parts);
        Topology::new(parts).unwrap_err()
    };
    assert_eq!(refused(|parts| parts.version = 0), Invalid::Unnamed);
    assert_eq!(refused(|parts| parts.cluster_id.clear()), Invalid::Unnamed);
    assert_eq!(refused(|parts| parts.buckets.truncate(4095)), Invalid::BucketCount(4095));
    assert_eq!(refused(|parts| parts.buckets[7] = None), Invalid::Unowned(7));
    assert_eq!(refused(|parts| parts.buckets[7] = Some(Owner(0, 0))), Invalid::Unowned(7));
    assert_eq!(refused(|parts| parts.buckets[7] = Some(Owner(2, 1))), Invalid::UnknownShard(7, 2));
    assert_eq!(refused(|parts| parts.shards[1].state = ShardState::Removed), Invalid::UnknownShard(1, 1));
    assert_eq!(refused(|parts| parts.shards[1].id = 0), Invalid::ShardId(0));
    assert_eq!(refused(|parts| parts.shards[1].name = "local-0".into()), Invalid::ShardName("local-0".into()));
    assert_eq!(refused(|parts| parts.pins.extend([(12, 12)])), Invalid::Pin(12, 12));
    assert_eq!(refused(|parts| parts.pins.extend([(12, 4096)])), Invalid::Pin(12, 4096));
    let shared = refused(|parts| {
        parts.buckets.push(Some(Owner(0, 1)));
        parts.pins.extend([(12, 4096), (13, 4096)]);
    });
    assert_eq!(shared, Invalid::Pin(13, 4096));
    // Partitions: of a user that is alone, private, there, each once.
    let split = |buckets: &[u32], pinned: bool| {
        let mut parts = parts(1, 2);
        parts.buckets.extend([Some(Owner(0, 1)), Some(Owner(0, 1)), Some(Owner(1, 1)), None]);
        if pinned {
            parts.pins.insert(12, 4096);
        }
        parts.partitions.insert(12, Partitions { buckets: buckets.to_vec(), shown: true });
        Topology::new(parts).map(|_| ())
    };
    assert_eq!(split(&[4097, 4098], true), Ok(()));
    for wrong in [&[4097][..], &[4097, 4097], &[4097, 4096], &[4097, 4099], &[4097, 12], &[]] {
        assert_eq!(split(wrong, true), Err(Invalid::Partitions(12)), "{wrong:?}");
    }
    assert_eq!(split(&[4097, 4098], false), Err(Invalid::Partitions(12)));
}

#[test]
fn a_user_with_partitions_lives_where_it_lives_and_its_pictures_are_read_elsewhere() {
    let mut parts = parts(2, 4);
    parts.buckets.extend([Some(Owner(3, 7)), Some(Owner(1, 1)), Some(Owner(2, 5))]);
    parts.pins.insert(12, 4096);
    parts.partitions.insert(12, Partitions { buckets: vec![4098, 4097], shown: true });
    let topology = Topology::new(parts).unwrap();
    assert_eq!(topology.locate(user(12)).bucket, Bucket(4096));
    let there = topology.partitions_of(user(12)).unwrap();
    assert_eq!(there.iter().collect::<Vec<_>>(), [Bucket(4098), Bucket(4097)]);
    assert!(topology.is_at(user(12), ShardId(3), Bucket(4096)), "a list over all buckets shows the row itself");
    assert!(there.iter().all(|bucket| !topology.is_at(user(12), topology.place_of(bucket).unwrap().shard, bucket)));
    assert_eq!(topology.partitions_of(user(13)), None);
}

proptest! {
    #[test]
    fn a_user_lives_where_its_bucket_lives(shards in 1u32..40, id in 1u64..(1 << 53)) {
        let topology = topology(1, shards);
        let place = topology.locate(user(id));
        prop_assert_eq!(u64::from(place.bucket.0), id % 4096);
        prop_assert_eq!(place.shard.0, place.bucket.0 % shards);
        prop_assert_eq!(topology.place_of(place.bucket), Some(place));
        prop_assert!(topology.owned_buckets(place.shard).contains(&place.ownership()));
    }

    #[test]
    fn any_map_survives_the_wire_and_its_plain_parts(
        owners in proptest::collection::vec((0u32..5, 1u64..100), 4096),
        private in proptest::collection::vec(proptest::option::of((0u32..5, 1u64..100)), 0..20),
        version in 1u64..u64::MAX,
    ) {
        let mut parts = parts(version, 5);
        parts.buckets = owners.into_iter().map(|(shard, epoch)| Some(Owner(shard, epoch))).collect();
        for (bucket, owner) in (4096u32..).zip(private) {
            parts.buckets.push(owner.map(|(shard, epoch)| Owner(shard, epoch)));
            if owner.is_some() {
                parts.pins.insert(u64::from(bucket) * 3, bucket);
            }
        }
        // Half of those that are alone give their buckets to one of the others.
        let given: Vec<u64> = parts.pins.keys().copied().skip(1).step_by(2).take(topology::MAX_PARTITIONS).collect();
        if let (Some(&first), true) = (parts.pins.keys().next(), given.len() > 1) {
            let buckets = given.iter().filter_map(|user| parts.pins.remove(user)).collect();
            parts.partitions.insert(first, Partitions { buckets, shown: version % 2 == 0 });
        }
        let topology = Topology::new(parts.clone()).unwrap();
        prop_assert_eq!(topology.to_parts(), parts);
        let wire = api::topology::v1::Topology::from(&topology);
        prop_assert_eq!(Topology::try_from(wire).unwrap(), topology);
    }
}

/// Prints the cost of a lookup; run it in a release build for a figure that means something.
#[test]
fn a_lookup_costs_nanoseconds() {
    let mut parts = parts(2, 4);
    for pin in 0..1000u32 {
        parts.buckets.push(Some(Owner(pin % 4, 1)));
        parts.pins.insert(u64::from(pin) * 7 + 1, 4096 + pin);
    }
    let rounds = if cfg!(debug_assertions) { 100_000u64 } else { 20_000_000 };
    for (name, topology) in [("the map", topology(1, 4)), ("a thousand pins", Topology::new(parts).unwrap())] {
        let began = Instant::now();
        let mut id = 1u64;
        for _ in 0..rounds {
            id = id.wrapping_mul(6_364_136_223_846_793_005) % ((1 << 53) - 1) + 1;
            black_box(topology.locate(user(black_box(id))));
        }
        println!(
            "{name}: {:.1} ns a lookup",
            began.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(rounds).unwrap())
        );
    }
}
