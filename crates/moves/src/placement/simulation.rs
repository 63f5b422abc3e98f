//! 256 shards and a thousand million users: how even is it? Computed, not sampled: user ids are dense, so a bucket's users are known.
//!
//! What keeps a shard from its share is that buckets are whole: with 255 shards, the fullest has 17 where 16.06 are its share.

use model::{BUCKETS, ShardId};

use super::fixtures::{after, costs, counts, equal, first_map};
use super::{Load, Strategy, plan};

const USERS: u64 = 1_000_000_000;

/// The first map of four shards with each bucket's users, ids from 1 on, as its cost.
pub fn users_on_four_shards() -> Vec<Load> {
    let mut loads = first_map(4);
    for load in &mut loads {
        let (bucket, buckets) = (u64::from(load.bucket.0), u64::from(BUCKETS));
        // Of the ids 0 to USERS; bucket 0 is without the id 0.
        load.cost = (USERS - bucket) / buckets + u64::from(bucket > 0);
    }
    assert_eq!(loads.iter().map(|load| load.cost).sum::<u64>(), USERS);
    loads
}

/// The fullest shard's part above the mean.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn imbalance(users: &[u64]) -> f64 {
    let fullest = users.iter().copied().max().unwrap_or(0);
    (fullest * users.len() as u64) as f64 / USERS as f64 - 1.0
}

#[test]
fn a_thousand_million_users_are_even_over_256_shards() {
    let loads = users_on_four_shards();
    for strategy in Strategy::ALL {
        let placed = after(&loads, &plan(strategy, &loads, &equal(256)).unwrap());
        let (users, counts) = (costs(&placed, &equal(256)), counts(&placed, &equal(256)));
        let imbalance = imbalance(&users);
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        println!("{}: imbalance {:.4} %, {least} to {most} buckets", strategy.as_str(), imbalance * 100.0);
        let bound = match strategy {
            Strategy::Balanced => 0.05,
            // ceil(1.05 × 16) = 17 of 16 buckets.
            Strategy::Rendezvous => 0.0626,
            Strategy::Ring => 1.5,
        };
        assert!(imbalance <= bound, "{strategy:?}: {imbalance}");
    }
}

#[test]
fn grown_one_shard_at_a_time_from_4_to_256_every_move_is_to_the_new_shard_and_the_end_is_even() {
    let mut loads = users_on_four_shards();
    let mut worst = (0.0, 0);
    for shards in 5..=256 {
        let transfers = plan(Strategy::Balanced, &loads, &equal(shards)).unwrap();
        assert!(transfers.iter().all(|transfer| transfer.to == ShardId(shards - 1)));
        assert_eq!(transfers.len(), (BUCKETS / shards) as usize);
        loads = after(&loads, &transfers);
        let now = imbalance(&costs(&loads, &equal(shards)));
        worst = if now > worst.0 { (now, shards) } else { worst };
    }
    let end = imbalance(&costs(&loads, &equal(256)));
    println!(
        "grown: imbalance {:.4} % with 256 shards, at most {:.4} % (with {})",
        end * 100.0,
        worst.0 * 100.0,
        worst.1
    );
    assert!(end <= 0.05 && worst.0 <= 0.0625);
}
