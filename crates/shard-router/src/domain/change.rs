//! What one change of the topology may do, and which rows differ afterwards.

use std::collections::BTreeMap;

use topology::{Invalid, Owner, Partitions, Parts, ShardInfo, Topology};

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refused {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("the cluster id never changes")]
    ClusterId,
    #[error("shard {0} is missing: shards are marked as removed, so that their ids are not used again")]
    ShardVanished(u32),
    #[error("bucket {0} changes its owner without a higher epoch")]
    Epoch(usize),
}

/// Applies `edit`; the version becomes the next one. An owner changes only with a higher epoch, an epoch never falls.
pub fn apply(before: &Topology, edit: impl FnOnce(&mut Parts)) -> Result<Topology, Refused> {
    let old = before.to_parts();
    let mut new = old.clone();
    edit(&mut new);
    new.version = old.version + 1;
    if new.cluster_id != old.cluster_id {
        return Err(Refused::ClusterId);
    }
    if let Some(gone) = old.shards.iter().find(|shard| new.shards.iter().all(|other| other.id != shard.id)) {
        return Err(Refused::ShardVanished(gone.id));
    }
    // A private bucket that ends leaves a hole, so that its number is not given out again with an old epoch.
    new.buckets.resize(new.buckets.len().max(old.buckets.len()), None);
    for (bucket, (was, is)) in old.buckets.iter().zip(&new.buckets).enumerate() {
        let falls = match (was, is) {
            (Some(was), Some(is)) => was != is && is.1 <= was.1,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if falls {
            return Err(Refused::Epoch(bucket));
        }
    }
    Ok(Topology::new(new)?)
}

/// The rows in which two topologies differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Shards that are new or changed.
    pub shards: Vec<ShardInfo>,
    /// Buckets with a new owner or epoch; `None` where a private one ended.
    pub buckets: Vec<(u32, Option<Owner>)>,
    /// Pins that are new or lead elsewhere.
    pub pins: Vec<(u64, u32)>,
    /// Users that are no longer pinned.
    pub unpinned: Vec<u64>,
    /// Partitions that are new or changed.
    pub partitions: Vec<(u64, Partitions)>,
    /// Users whose partitions are changed or no longer there.
    pub unpartitioned: Vec<u64>,
}

/// What to write so that `before` becomes `after`.
pub fn difference(before: &Parts, after: &Parts) -> Difference {
    let known: BTreeMap<u32, &ShardInfo> = before.shards.iter().map(|shard| (shard.id, shard)).collect();
    let mut difference = Difference {
        shards: after.shards.iter().filter(|shard| known.get(&shard.id) != Some(shard)).cloned().collect(),
        pins: after.pins.iter().filter(|(user, to)| before.pins.get(user) != Some(to)).map(|(&u, &b)| (u, b)).collect(),
        unpinned: before.pins.keys().filter(|user| !after.pins.contains_key(user)).copied().collect(),
        partitions: differing(&after.partitions, &before.partitions).map(|(user, now)| (user, now.clone())).collect(),
        unpartitioned: differing(&before.partitions, &after.partitions).map(|(user, _)| user).collect(),
        ..Difference::default()
    };
    for (bucket, &owner) in (0u32..).zip(&after.buckets) {
        if before.buckets.get(bucket as usize) != Some(&owner) {
            difference.buckets.push((bucket, owner));
        }
    }
    difference
}

/// The entries of one that are not in the other, or otherwise.
fn differing<'p>(
    of: &'p BTreeMap<u64, Partitions>,
    other: &'p BTreeMap<u64, Partitions>,
) -> impl Iterator<Item = (u64, &'p Partitions)> {
    of.iter()
        .filter(|(user, partitions)| other.get(user) != Some(partitions))
        .map(|(user, partitions)| (*user, partitions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::first_map::first_map;

    fn two_shards() -> Topology {
        Topology::new(first_map("c".into(), 2, &[])).unwrap()
    }

    #[test]
    fn a_change_takes_the_next_version_and_differs_only_where_told() {
        let before = two_shards();
        let after = apply(&before, |parts| {
            parts.buckets[5] = Some(Owner(0, 2));
            parts.buckets.push(Some(Owner(1, 1)));
            parts.pins.insert(12, 4096);
        });
        let after = after.unwrap();
        assert_eq!(after.version(), 2);
        let expected = Difference {
            buckets: vec![(5, Some(Owner(0, 2))), (4096, Some(Owner(1, 1)))],
            pins: vec![(12, 4096)],
            ..Difference::default()
        };
        assert_eq!(difference(&before.to_parts(), &after.to_parts()), expected);
        let back = apply(&after, |parts| {
            parts.pins.clear();
            parts.buckets.pop();
        });
        let expected = Difference { buckets: vec![(4096, None)], unpinned: vec![12], ..Difference::default() };
        assert_eq!(difference(&after.to_parts(), &back.unwrap().to_parts()), expected);
    }

    #[test]
    fn partitions_come_are_shown_and_go() {
        let parts = |shown| Partitions { buckets: vec![4097, 4098], shown };
        let alone = |parts: &mut Parts| {
            parts.buckets.extend([Some(Owner(0, 1)), Some(Owner(1, 1)), Some(Owner(0, 1))]);
            parts.pins.insert(12, 4096);
        };
        let first = apply(&two_shards(), alone).unwrap();
        let filled = apply(&first, |map| drop(map.partitions.insert(12, parts(false)))).unwrap();
        let shown = apply(&filled, |map| drop(map.partitions.insert(12, parts(true)))).unwrap();
        let rows = |before: &Topology, after: &Topology| {
            let found = difference(&before.to_parts(), &after.to_parts());
            (found.partitions, found.unpartitioned)
        };
        assert_eq!(rows(&first, &filled), (vec![(12, parts(false))], vec![]));
        assert_eq!(rows(&filled, &shown), (vec![(12, parts(true))], vec![12]));
        assert_eq!(rows(&shown, &first), (vec![], vec![12]));
        assert_eq!(rows(&shown, &shown), (vec![], vec![]));
    }

    #[test]
    fn an_owner_never_changes_within_an_epoch() {
        let before = two_shards();
        assert_eq!(apply(&before, |parts| parts.buckets[5] = Some(Owner(0, 1))), Err(Refused::Epoch(5)));
        assert_eq!(apply(&before, |parts| parts.buckets[5] = Some(Owner(1, 0))), Err(Refused::Epoch(5)));
        assert!(matches!(apply(&before, |parts| parts.buckets[5] = None), Err(Refused::Invalid(_))));
    }

    #[test]
    fn shards_and_the_cluster_keep_their_names() {
        let before = two_shards();
        assert_eq!(apply(&before, |parts| parts.cluster_id.push('x')), Err(Refused::ClusterId));
        let dropped = apply(&before, |parts| {
            parts.shards.pop();
        });
        assert_eq!(dropped, Err(Refused::ShardVanished(1)));
        let unknown = apply(&before, |parts| parts.buckets[5] = Some(Owner(7, 2)));
        assert_eq!(unknown, Err(Refused::Invalid(Invalid::UnknownShard(5, 7))));
    }
}
