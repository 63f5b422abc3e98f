//! What can go wrong with the map itself.

use std::path::PathBuf;

use crate::map::Invalid;

/// Result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no topology, no shard, or no newer topology.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The router answers with an error, or not at all.
    #[error("the shard-router does not answer: {0}")]
    Router(String),
    /// What the router sent is not a topology.
    #[error("the topology received is refused: {0}")]
    Invalid(#[from] Invalid),
    /// The map on disk is of one cluster and the router serves another.
    #[error(
        "this directory holds the topology of cluster {ours}, the shard-router serves cluster {theirs}: one of the two is the wrong one"
    )]
    OtherCluster {
        /// The cluster that this process belongs to.
        ours: String,
        /// The cluster that it was told of.
        theirs: String,
    },
    /// A shard's database has lost its contents.
    #[error(
        "shard {name} at {location} is empty, but it held data of cluster {cluster_id}: its database was deleted or replaced. \
         Put it back from where it went or from a backup; to give its data up, begin with an empty data directory"
    )]
    Lost {
        /// The shard's name in the topology.
        name: String,
        /// Where it was opened.
        location: String,
        /// The cluster that it belonged to.
        cluster_id: String,
    },
    /// A shard's database could not be opened, or is not the one expected; the cause names both identities.
    #[error("shard {name} at {location}: {source}")]
    Shard {
        /// The shard's name in the topology.
        name: String,
        /// Where it was opened.
        location: String,
        /// What the engine says.
        source: Box<store::Error>,
    },
    /// The map on disk could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The map on disk is not one.
    #[error("{} is damaged ({reason}): delete it, it is fetched anew when the shard-router is up", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer map is there already.
    #[error("topology {offered} is older than {present}, which is here already")]
    Older {
        /// The version offered.
        offered: u64,
        /// The version that stays.
        present: u64,
    },
    /// The process is being shut down.
    #[error("shutting down")]
    Stopped,
}

impl Error {
    /// Whether waiting may help at a start.
    pub fn may_heal(&self) -> bool {
        match self {
            Self::Router(_) => true,
            Self::Shard { source, .. } => source.may_heal(),
            _ => false,
        }
    }
}
