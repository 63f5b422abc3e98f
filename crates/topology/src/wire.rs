//! Between the map and its protobuf form. What comes in is checked whole, here, and nowhere below.

use api::topology::v1 as proto;

use crate::map::{Invalid, Owner, Parts, Topology};
use crate::partitions::Partitions;
use crate::shard_info::{EngineKind, ShardInfo, ShardState};

impl From<&Topology> for proto::Topology {
    fn from(topology: &Topology) -> Self {
        let parts = topology.to_parts();
        Self {
            version: parts.version,
            cluster_id: parts.cluster_id,
            shards: parts.shards.into_iter().map(shard_out).collect(),
            buckets: parts.buckets.into_iter().map(owner_out).collect(),
            pins: parts.pins.into_iter().collect(),
            partitions: parts.partitions.into_iter().map(|(user, parts)| (user, partitions_out(parts))).collect(),
        }
    }
}

impl TryFrom<proto::Topology> for Topology {
    type Error = Invalid;

    fn try_from(message: proto::Topology) -> Result<Self, Invalid> {
        Topology::new(Parts {
            version: message.version,
            cluster_id: message.cluster_id,
            shards: message.shards.into_iter().map(shard_in).collect::<Result<_, _>>()?,
            buckets: message.buckets.into_iter().map(owner_in).collect(),
            pins: message.pins.into_iter().collect(),
            partitions: message.partitions.into_iter().map(|(user, parts)| (user, partitions_in(parts))).collect(),
        })
    }
}

fn partitions_out(partitions: Partitions) -> proto::Partitions {
    proto::Partitions { buckets: partitions.buckets, shown: partitions.shown }
}

fn partitions_in(partitions: proto::Partitions) -> Partitions {
    Partitions { buckets: partitions.buckets, shown: partitions.shown }
}

fn owner_out(owner: Option<Owner>) -> proto::BucketOwner {
    let Owner(shard_id, epoch) = owner.unwrap_or(Owner(0, 0));
    proto::BucketOwner { shard_id, epoch }
}

fn owner_in(owner: proto::BucketOwner) -> Option<Owner> {
    (owner.epoch > 0).then_some(Owner(owner.shard_id, owner.epoch))
}

fn shard_out(shard: ShardInfo) -> proto::Shard {
    let engine = match shard.engine {
        EngineKind::Sqlite => proto::Engine::Sqlite,
        EngineKind::Postgres => proto::Engine::Postgres,
    };
    let state = match shard.state {
        ShardState::Active => proto::ShardState::Active,
        ShardState::Draining => proto::ShardState::Draining,
        ShardState::Removed => proto::ShardState::Removed,
    };
    proto::Shard {
        id: shard.id,
        name: shard.name,
        engine: engine.into(),
        location: shard.location,
        state: state.into(),
        role_epoch: shard.role_epoch,
        weight: shard.weight,
        replicas: shard.replicas,
    }
}

fn shard_in(shard: proto::Shard) -> Result<ShardInfo, Invalid> {
    let engine = match shard.engine() {
        proto::Engine::Sqlite => EngineKind::Sqlite,
        proto::Engine::Postgres => EngineKind::Postgres,
        proto::Engine::Unspecified => return Err(Invalid::Field("shard.engine")),
    };
    let state = match shard.state() {
        proto::ShardState::Active => ShardState::Active,
        proto::ShardState::Draining => ShardState::Draining,
        proto::ShardState::Removed => ShardState::Removed,
        proto::ShardState::Unspecified => return Err(Invalid::Field("shard.state")),
    };
    Ok(ShardInfo {
        id: shard.id,
        name: shard.name,
        engine,
        location: shard.location,
        replicas: shard.replicas,
        state,
        role_epoch: shard.role_epoch,
        weight: shard.weight,
    })
}
