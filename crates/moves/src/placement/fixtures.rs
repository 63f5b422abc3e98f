//! Clusters for the tests.

use std::collections::BTreeMap;

use model::{BUCKETS, Bucket, ShardId};
use proptest::prelude::*;

use super::{Load, Member, Transfer};

/// Shards 0 and up, each of weight 1.
pub fn equal(shards: u32) -> Vec<Member> {
    weighted(&vec![1; shards as usize])
}

/// Shards 0 and up, of these weights.
pub fn weighted(weights: &[u32]) -> Vec<Member> {
    (0..).zip(weights).map(|(shard, weight)| Member { shard: ShardId(shard), weight: *weight }).collect()
}

/// Buckets 0 and up, each of cost 1, on `bucket % shards`.
pub fn dense(buckets: u32, shards: u32) -> Vec<Load> {
    (0..buckets).map(|bucket| Load { bucket: Bucket(bucket), on: ShardId(bucket % shards), cost: 1 }).collect()
}

/// The first map of that many shards.
pub fn first_map(shards: u32) -> Vec<Load> {
    dense(BUCKETS, shards)
}

/// The loads where the transfers were carried out.
pub fn after(loads: &[Load], transfers: &[Transfer]) -> Vec<Load> {
    let to: BTreeMap<Bucket, ShardId> = transfers.iter().map(|transfer| (transfer.bucket, transfer.to)).collect();
    loads.iter().map(|load| Load { on: to.get(&load.bucket).copied().unwrap_or(load.on), ..*load }).collect()
}

/// How many buckets each shard has, by shard.
pub fn counts(loads: &[Load], members: &[Member]) -> Vec<usize> {
    members.iter().map(|member| loads.iter().filter(|load| load.on == member.shard).count()).collect()
}

/// What each shard's buckets cost, by shard.
pub fn costs(loads: &[Load], members: &[Member]) -> Vec<u64> {
    let cost_of = |shard| loads.iter().filter(|load| load.on == shard).map(|load| load.cost).sum();
    members.iter().map(|member| cost_of(member.shard)).collect()
}

/// The owners of a few buckets.
pub fn owners_of(loads: &[Load], buckets: [u32; 8]) -> [u32; 8] {
    buckets.map(|bucket| loads.iter().find(|load| load.bucket == Bucket(bucket)).unwrap().on.0)
}

/// Some buckets anywhere, on members and on shards that are none, of any cost; at least one member has weight.
pub fn cluster() -> impl Strategy<Value = (Vec<Load>, Vec<Member>)> {
    let load = (0_u32..12, 1_u64..1000);
    let weights = prop::collection::vec(0_u32..5, 1..10);
    (prop::collection::vec(load, 1..200), weights, 1_u32..5).prop_map(|(loads, mut weights, last)| {
        weights.push(last);
        let loads = (0..).zip(loads).map(|(n, (on, cost))| Load { bucket: Bucket(n * 7), on: ShardId(on), cost });
        (loads.collect(), weighted(&weights))
    })
}
