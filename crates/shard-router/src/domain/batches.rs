//! Which moves a set of transfers makes: a few buckets at once, of one source and one target each.
//!
//! A move of several buckets costs as many transactions as a move of one, and an almost empty cluster has 4096 buckets to move. The more
//! buckets, the longer writes to each wait while the last changes of all are carried over.

use std::collections::BTreeMap;

use model::{Bucket, Epoch};
use moves::placement::Transfer;
use topology::{Invalid, Topology};

/// Buckets that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The shard that owns them.
    pub source: u32,
    /// The shard that is to own them.
    pub target: u32,
    /// Each with the epoch it is owned in.
    pub buckets: Vec<(Bucket, Epoch)>,
}

/// Puts transfers of one way together, at most `size` in a batch, and deals the ways out in turn, so that no pair of shards has all the
/// work at once.
pub fn batches(topology: &Topology, transfers: &[Transfer], size: usize) -> Result<Vec<Batch>, Invalid> {
    let mut ways: BTreeMap<(u32, u32), Vec<(Bucket, Epoch)>> = BTreeMap::new();
    for transfer in transfers {
        let place = topology.place_of(transfer.bucket).ok_or(Invalid::Unowned(transfer.bucket.0 as usize))?;
        ways.entry((place.shard.0, transfer.to.0)).or_default().push((place.bucket, place.epoch));
    }
    let mut batches = Vec::new();
    let mut round = 0;
    loop {
        let before = batches.len();
        for (&(source, target), buckets) in &ways {
            if let Some(chunk) = buckets.chunks(size.max(1)).nth(round) {
                batches.push(Batch { source, target, buckets: chunk.to_vec() });
            }
        }
        if batches.len() == before {
            return Ok(batches);
        }
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use model::ShardId;

    use super::*;
    use crate::domain::first_map::first_map;

    #[test]
    fn buckets_of_one_way_move_together_and_the_ways_take_turns() {
        let topology = Topology::new(first_map("c".into(), 2, &[])).unwrap();
        let transfer = |bucket| Transfer { bucket: Bucket(bucket), from: ShardId(bucket % 2), to: ShardId(2) };
        let batches = batches(&topology, &(0..10).map(transfer).collect::<Vec<_>>(), 3).unwrap();
        let shown: Vec<_> = batches
            .iter()
            .map(|batch| (batch.source, batch.buckets.iter().map(|(bucket, _)| bucket.0).collect::<Vec<_>>()))
            .collect();
        assert_eq!(shown, [(0, vec![0, 2, 4]), (1, vec![1, 3, 5]), (0, vec![6, 8]), (1, vec![7, 9])]);
        assert!(batches.iter().all(|batch| batch.target == 2));
    }
}
