//! The map itself: an immutable snapshot of which shard owns which bucket, and the pure arithmetic of finding a user's place in it.

use std::collections::{BTreeMap, BTreeSet};

use model::{BUCKETS, Bucket, Epoch, ShardId, UserId};
use serde::{Deserialize, Serialize};
use store::Ownership;

use crate::partitions::{MAX_PARTITIONS, Partitions};
use crate::pins::Pins;
use crate::shard_info::{ShardInfo, ShardState};

/// Private buckets end here: far above what isolation will ever need, low enough that a damaged message cannot make us allocate much.
pub const MAX_BUCKETS: usize = 1 << 20;

/// Shard ids end here, for the same reason.
pub const MAX_SHARD_ID: u32 = u16::MAX as u32;

/// One version of the topology. Built only through [`Topology::new`], so every lookup below can rely on what was checked there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    version: u64,
    cluster_id: String,
    shards: Vec<ShardInfo>,
    owners: Box<[Slot]>,
    pins: Pins,
    partitions: BTreeMap<u64, Partitions>,
}

/// Where a key lives: the bucket, who owns it, and since which epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The bucket that every row of the key carries.
    pub bucket: Bucket,
    /// The epoch of its owner; a shard refuses a write that names another one.
    pub epoch: Epoch,
    /// The shard that owns the bucket.
    pub shard: ShardId,
}

impl Place {
    /// What a shard checks before it lets a write in.
    pub fn ownership(&self) -> Ownership {
        Ownership { bucket: self.bucket, epoch: self.epoch }
    }
}

/// A topology in plain parts, before it was checked. This is also its form on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Rises by one with every change; from 1.
    pub version: u64,
    /// Names the cluster.
    pub cluster_id: String,
    /// All shards, removed ones too, so that an id is never used twice.
    pub shards: Vec<ShardInfo>,
    /// Index is the bucket; `None` is a private bucket that no longer exists.
    pub buckets: Vec<Option<Owner>>,
    /// User id → private bucket.
    pub pins: BTreeMap<u64, u32>,
    /// User id → the buckets that its finished pictures are read from. Maps of before there were any do not have it.
    #[serde(default)]
    pub partitions: BTreeMap<u64, Partitions>,
}

impl Parts {
    /// The first map of a cluster with shards 0 to N-1: bucket `b` on shard `b % N`, everything in epoch 1.
    pub fn first(cluster_id: String, shards: Vec<ShardInfo>) -> Self {
        let owners = shards.iter().map(|shard| Some(Owner(shard.id, 1))).cycle();
        let buckets = owners.take(BUCKETS as usize).collect();
        Self { version: 1, cluster_id, buckets, shards, pins: BTreeMap::new(), partitions: BTreeMap::new() }
    }
}

/// Who owns a bucket: shard id and epoch (from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner(pub u32, pub u64);

/// A bucket's owner as the lookup wants it: no `Option` tag in the way, epoch 0 stands for a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    shard: u32,
    epoch: u64,
}

/// Why parts do not make a topology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Invalid {
    #[error("a topology needs a version from 1 and a cluster id")]
    Unnamed,
    #[error("{0} buckets: there must be {BUCKETS} to {MAX_BUCKETS}")]
    BucketCount(usize),
    #[error("bucket {0} has no owner")]
    Unowned(usize),
    #[error("bucket {0} belongs to shard {1}, which does not exist or was removed")]
    UnknownShard(usize, u32),
    #[error("shard id {0} is used twice or above {MAX_SHARD_ID}")]
    ShardId(u32),
    #[error("shard name {0:?} is empty or used twice")]
    ShardName(String),
    #[error("the pin of user {0} to bucket {1} is not to a private bucket of its own")]
    Pin(u64, u32),
    #[error(
        "the partitions of user {0} are not 2 to {MAX_PARTITIONS} private buckets of its own beside the one it is pinned to"
    )]
    Partitions(u64),
    #[error("a field has an unknown value: {0}")]
    Field(&'static str),
}

impl Topology {
    /// Checks the parts: every public bucket is owned exactly once, by a shard that is there; every pin leads to a private
    /// bucket that no other user has, and so does every partition of a user that has a pin.
    pub fn new(mut parts: Parts) -> Result<Self, Invalid> {
        if parts.version == 0 || parts.cluster_id.is_empty() {
            return Err(Invalid::Unnamed);
        }
        parts.shards.sort_by_key(|shard| shard.id);
        check_shards(&parts.shards)?;
        let owners = check_owners(&parts)?;
        check_private(&parts, &owners)?;
        Ok(Self {
            version: parts.version,
            cluster_id: parts.cluster_id,
            shards: parts.shards,
            owners,
            pins: parts.pins.into_iter().collect(),
            partitions: parts.partitions,
        })
    }

    /// The same in plain parts, to be changed, stored or sent.
    pub fn to_parts(&self) -> Parts {
        Parts {
            version: self.version,
            cluster_id: self.cluster_id.clone(),
            shards: self.shards.clone(),
            buckets: self.owners.iter().map(|slot| (slot.epoch > 0).then_some(Owner(slot.shard, slot.epoch))).collect(),
            pins: self.pins.iter().collect(),
            partitions: self.partitions.clone(),
        }
    }

    /// Rises with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The cluster that this topology describes.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// How many buckets there are, private ones that ended counted too: the number of the next new one.
    pub fn buckets(&self) -> u32 {
        u32::try_from(self.owners.len()).unwrap_or(u32::MAX)
    }

    /// Every user that has a private bucket, and the bucket.
    pub fn pins(&self) -> impl Iterator<Item = (u64, Bucket)> {
        self.pins.iter().map(|(user, bucket)| (user, Bucket(bucket)))
    }

    /// The buckets that a user's finished pictures are read from, where it has such.
    pub fn partitions_of(&self, user: UserId) -> Option<&Partitions> {
        self.partitions.get(&user.get())
    }

    /// Every user that has partitions, and they.
    pub fn partitions(&self) -> impl Iterator<Item = (u64, &Partitions)> {
        self.partitions.iter().map(|(user, partitions)| (*user, partitions))
    }

    /// The bucket of a user: its private one if it is pinned, else `id % 4096`.
    pub fn bucket_of(&self, user: UserId) -> Bucket {
        match self.pins.get(user.get()) {
            Some(private) => Bucket(private),
            None => Bucket::of_user(user),
        }
    }

    /// Where a user lives. A few nanoseconds, no lock, no allocation.
    pub fn locate(&self, user: UserId) -> Place {
        let bucket = self.bucket_of(user);
        let slot = self.owners[bucket.0 as usize];
        Place { bucket, epoch: Epoch(slot.epoch), shard: ShardId(slot.shard) }
    }

    /// Whether a user is on this shard in this bucket: of rows that are there twice for a while, these count.
    pub fn is_at(&self, user: UserId, shard: ShardId, bucket: Bucket) -> bool {
        let place = self.locate(user);
        (place.shard, place.bucket) == (shard, bucket)
    }

    /// Where a bucket lives; `None` for a private bucket that does not exist.
    pub fn place_of(&self, bucket: Bucket) -> Option<Place> {
        let slot = self.owners.get(bucket.0 as usize).filter(|slot| slot.epoch > 0)?;
        Some(Place { bucket, epoch: Epoch(slot.epoch), shard: ShardId(slot.shard) })
    }

    /// All shards by id, removed ones too.
    pub fn shards(&self) -> &[ShardInfo] {
        &self.shards
    }

    /// The shards that hold data or may get some.
    pub fn live_shards(&self) -> impl Iterator<Item = &ShardInfo> {
        self.shards.iter().filter(|shard| shard.state != ShardState::Removed)
    }

    /// One shard.
    pub fn shard(&self, id: ShardId) -> Option<&ShardInfo> {
        self.shards.binary_search_by_key(&id.0, |shard| shard.id).ok().map(|at| &self.shards[at])
    }

    /// What operators call a shard; its number where it is not there.
    pub fn name_of(&self, id: ShardId) -> String {
        self.shard(id).map_or_else(|| id.to_string(), |info| info.name.clone())
    }

    /// What a shard owns, in the order of the buckets.
    pub fn owned_buckets(&self, shard: ShardId) -> Vec<Ownership> {
        self.places().filter(|place| place.shard == shard).map(|place| place.ownership()).collect()
    }

    /// Every bucket that exists with its owner, in order.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        (0u32..).zip(self.owners.iter()).filter(|(_, slot)| slot.epoch > 0).map(|(bucket, slot)| Place {
            bucket: Bucket(bucket),
            epoch: Epoch(slot.epoch),
            shard: ShardId(slot.shard),
        })
    }
}

fn check_shards(shards: &[ShardInfo]) -> Result<(), Invalid> {
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for shard in shards {
        if shard.id > MAX_SHARD_ID || !ids.insert(shard.id) {
            return Err(Invalid::ShardId(shard.id));
        }
        if shard.name.is_empty() || !names.insert(&shard.name) {
            return Err(Invalid::ShardName(shard.name.clone()));
        }
    }
    Ok(())
}

fn check_owners(parts: &Parts) -> Result<Box<[Slot]>, Invalid> {
    if parts.buckets.len() < BUCKETS as usize || parts.buckets.len() > MAX_BUCKETS {
        return Err(Invalid::BucketCount(parts.buckets.len()));
    }
    let live: BTreeSet<u32> =
        parts.shards.iter().filter(|shard| shard.state != ShardState::Removed).map(|shard| shard.id).collect();
    let mut owners = Vec::with_capacity(parts.buckets.len());
    for (bucket, owner) in parts.buckets.iter().enumerate() {
        match *owner {
            Some(Owner(_, 0)) => return Err(Invalid::Unowned(bucket)),
            Some(Owner(shard, _)) if !live.contains(&shard) => return Err(Invalid::UnknownShard(bucket, shard)),
            Some(Owner(shard, epoch)) => owners.push(Slot { shard, epoch }),
            None if bucket < BUCKETS as usize => return Err(Invalid::Unowned(bucket)),
            None => owners.push(Slot { shard: 0, epoch: 0 }),
        }
    }
    Ok(owners.into_boxed_slice())
}

/// Each private bucket is one user's, once.
fn check_private(parts: &Parts, owners: &[Slot]) -> Result<(), Invalid> {
    let mut used = BTreeSet::new();
    let mut is_its_own = |bucket: u32| {
        let private = bucket >= BUCKETS && owners.get(bucket as usize).is_some_and(|slot| slot.epoch > 0);
        private && used.insert(bucket)
    };
    for (&user, &bucket) in &parts.pins {
        if !is_its_own(bucket) {
            return Err(Invalid::Pin(user, bucket));
        }
    }
    for (&user, Partitions { buckets, .. }) in &parts.partitions {
        let fine = (2..=MAX_PARTITIONS).contains(&buckets.len()) && parts.pins.contains_key(&user);
        if !fine || !buckets.iter().all(|bucket| is_its_own(*bucket)) {
            return Err(Invalid::Partitions(user));
        }
    }
    Ok(())
}
