//! What the map says about a shard: how it is called, which engine runs it, and where.

use model::ShardId;
use serde::{Deserialize, Serialize};

/// One shard as the catalog describes it. Secrets are never in here, only references to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardInfo {
    /// From 0, never used twice.
    pub id: u32,
    /// What operators call it; unique.
    pub name: String,
    /// What runs it.
    pub engine: EngineKind,
    /// A file relative to the data directory, or a reference to a secret that holds the address.
    pub location: String,
    /// Where its replicas are, written like `location`.
    #[serde(default)]
    pub replicas: Vec<String>,
    /// Whether it takes buckets, gives them away, or is gone.
    pub state: ShardState,
    /// Rises when another server becomes the primary.
    pub role_epoch: u64,
    /// Share of the buckets it should have, relative to the others' weights.
    pub weight: u32,
}

impl ShardInfo {
    /// A new shard: it takes buckets, has no replicas and the weight of one.
    pub fn new(id: u32, name: String, engine: EngineKind, location: String) -> Self {
        Self { id, name, engine, location, replicas: Vec::new(), state: ShardState::Active, role_epoch: 1, weight: 1 }
    }

    /// Its id as the stores know it.
    pub fn shard_id(&self) -> ShardId {
        ShardId(self.id)
    }

    /// Whether an engine opened for `other` serves this one too.
    pub(crate) fn same_engine(&self, other: &Self) -> bool {
        self.engine == other.engine && self.location == other.location && self.role_epoch == other.role_epoch
    }
}

/// Which database runs a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// A file in the data directory.
    Sqlite,
    /// A PostgreSQL primary, perhaps with replicas.
    Postgres,
}

impl EngineKind {
    /// The word for it in the catalog and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl std::str::FromStr for EngineKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(()),
        }
    }
}

/// What a shard is there for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// Owns buckets and may get more.
    Active,
    /// Gives its buckets away.
    Draining,
    /// Holds nothing any more; stays in the list so that its id is never used again.
    Removed,
}

impl ShardState {
    /// The word for it in the catalog and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Removed => "removed",
        }
    }
}

impl std::str::FromStr for ShardState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "active" => Ok(Self::Active),
            "draining" => Ok(Self::Draining),
            "removed" => Ok(Self::Removed),
            _ => Err(()),
        }
    }
}
