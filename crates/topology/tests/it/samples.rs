//! Topologies to test with.

use std::collections::BTreeMap;

use topology::{EngineKind, Owner, Parts, ShardInfo, ShardState, Topology};

/// `shards` SQLite shards, bucket `b` on shard `b % shards`, epoch 1.
pub fn parts(version: u64, shards: u32) -> Parts {
    Parts {
        version,
        cluster_id: "cluster-a".to_owned(),
        shards: (0..shards).map(shard).collect(),
        buckets: (0..4096).map(|bucket| Some(Owner(bucket % shards, 1))).collect(),
        pins: BTreeMap::new(),
        partitions: BTreeMap::new(),
    }
}

pub fn topology(version: u64, shards: u32) -> Topology {
    Topology::new(parts(version, shards)).unwrap()
}

pub fn shard(id: u32) -> ShardInfo {
    ShardInfo {
        id,
        name: format!("local-{id}"),
        engine: EngineKind::Sqlite,
        location: format!("local-{id}.db"),
        replicas: Vec::new(),
        state: ShardState::Active,
        role_epoch: 1,
        weight: 1,
    }
}
