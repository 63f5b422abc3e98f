//! What can go wrong in the router, and how callers are told.

use model::Code;

use crate::domain::change::Refused;

/// Result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the catalog cannot be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalog's database.
    #[error("the catalog: {0}")]
    Catalog(#[from] store::Error),
    /// The catalog's rows are no topology.
    #[error("the catalog is damaged: {0}")]
    Damaged(String),
    /// A shard that does not open or is another one.
    #[error(transparent)]
    Shard(#[from] topology::Error),
    /// Somebody changed the topology first.
    #[error("the topology is at version {found}, the change was made for {expected}: look at it again")]
    Stale {
        /// The version that the change was made for.
        expected: u64,
        /// The version that is there.
        found: u64,
    },
    /// A change that would break a rule.
    #[error("the change is refused: {0}")]
    Refused(#[from] Refused),
    /// A start with another number of shards.
    #[error(
        "this cluster has {there} shards, the setting `shards` says {asked}: leave the setting out, or set it to {there}. \
         Adding and removing shards moves data, so it is an operator's call on the running cluster, not a setting"
    )]
    ShardCount {
        /// Shards in the catalog.
        there: usize,
        /// Shards in the settings.
        asked: u32,
    },
    /// An operator's call on a shard that is not there.
    #[error("there is no shard {0}: `myriad topology` lists them")]
    UnknownShard(String),
    /// An operator's call on a move that is not there.
    #[error("there is no move {0}: `myriad move list` lists them")]
    UnknownMove(u64),
    /// An operator's call on a user that is not there.
    #[error("there is no user {0}")]
    UnknownUser(u64),
    /// An operator's call that cannot be done; says why and what to do.
    #[error("{0}")]
    Operation(String),
    /// An operator's call that cannot be done now.
    #[error("{0}")]
    Busy(String),
    /// A setting that names a database in a way none is named, or twice.
    #[error("{0}")]
    Location(String),
    /// A lease of no or too many ids.
    #[error("a lease is of 1 to {max} user ids, not {0}", max = crate::MAX_BLOCK)]
    BlockLength(u32),
    /// All ids below 2^53 are given out.
    #[error("there are no user ids left")]
    NoIdsLeft,
}

impl Error {
    /// Whether waiting may help at a start.
    pub fn may_heal(&self) -> bool {
        match self {
            Self::Catalog(error) => error.may_heal(),
            Self::Shard(error) => error.may_heal(),
            _ => false,
        }
    }
}

impl Error {
    /// What an operator is told: also what a database says, which others do not hear.
    pub(crate) fn for_operators(self) -> model::Error {
        match self {
            Self::Catalog(error) => {
                tracing::error!(%error, "an operator's call failed");
                model::Error::new(error.code(), error.to_string())
            }
            other => other.into(),
        }
    }
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Catalog(error) => error.into(),
            Error::BlockLength(_) => {
                Self::invalid(vec![model::FieldError::at("/count", format!("must be from 1 to {}", crate::MAX_BLOCK))])
            }
            Error::Stale { .. } => Self::new(Code::VersionMismatch, error.to_string()),
            Error::UnknownShard(_) | Error::UnknownMove(_) | Error::UnknownUser(_) => {
                Self::new(Code::NotFound, error.to_string())
            }
            // An operator may know what is wrong with a database; no location has a password in it.
            Error::Busy(_) => Self::new(Code::Busy, error.to_string()),
            Error::Shard(_) | Error::Operation(_) | Error::Refused(_) => {
                Self::new(Code::InvalidInput, error.to_string())
            }
            Error::NoIdsLeft => Self::new(Code::QuotaExceeded, error.to_string()),
            error => {
                tracing::error!(%error, "the router failed");
                Self::internal()
            }
        }
    }
}
