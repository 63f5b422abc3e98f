//! The map of a new cluster: N embedded shards, bucket `b` on shard `b % N`, everything in epoch 1.

use std::collections::BTreeMap;

use model::BUCKETS;
use topology::{EngineKind, Owner, Parts, ShardInfo, ShardState};

/// The most shards that a cluster can begin with: each is a few files that stay open.
pub const MAX_SHARDS: u32 = 256;

/// The first topology: `local` for one shard, `local-0` and so on for several.
pub fn first_map(cluster_id: String, shards: u32) -> Parts {
    Parts {
        version: 1,
        cluster_id,
        shards: (0..shards).map(|id| embedded(id, shards)).collect(),
        buckets: (0..BUCKETS).map(|bucket| Some(Owner(bucket % shards, 1))).collect(),
        pins: BTreeMap::new(),
    }
}

fn embedded(id: u32, of: u32) -> ShardInfo {
    let name = if of == 1 { "local".to_owned() } else { format!("local-{id}") };
    ShardInfo {
        id,
        location: format!("shards/{name}.db"),
        name,
        engine: EngineKind::Sqlite,
        replicas: Vec::new(),
        state: ShardState::Active,
        role_epoch: 1,
        weight: 1,
    }
}

#[cfg(test)]
mod tests {
    use model::{ShardId, UserId};
    use topology::Topology;

    use super::*;

    /// R66: the textbook's four shards.
    #[test]
    fn of_four_shards_user_12_lives_on_shard_0_and_13_on_shard_1() {
        let topology = Topology::new(first_map("c".into(), 4)).unwrap();
        let shard_of = |user| topology.locate(UserId::new(user).unwrap()).shard;
        assert_eq!([shard_of(12), shard_of(13)], [ShardId(0), ShardId(1)]);
        assert!((1..10_000).all(|user| u64::from(shard_of(user).0) == user % 4));
    }

    #[test]
    fn one_shard_is_called_local_and_several_are_numbered() {
        let names = |count| first_map("c".into(), count).shards.into_iter().map(|shard| (shard.name, shard.location));
        assert_eq!(names(1).collect::<Vec<_>>(), [("local".into(), "shards/local.db".into())]);
        assert_eq!(names(2).next_back(), Some(("local-1".into(), "shards/local-1.db".into())));
    }
}
