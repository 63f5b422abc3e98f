//! What can go wrong in a store, and what of it the world outside hears.

use model::{Bucket, Code, Epoch};

/// Result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a read or a transaction came to nothing, or may have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The work itself said no. Rolled back.
    #[error(transparent)]
    Refused(#[from] model::Error),
    /// The shard does not own the bucket in the caller's epoch. Nothing was written; refresh the topology.
    #[error("bucket {bucket} is not owned here in the epoch asked for; found {found:?}")]
    Moved {
        /// The bucket asked for.
        bucket: Bucket,
        /// The epoch of its owner row, if there is one.
        found: Option<Epoch>,
    },
    /// A unique key is taken. Rolled back.
    #[error("a unique key is taken: {0}")]
    Unique(String),
    /// A bounded queue is full. Nothing was begun.
    #[error("the queue of this shard is full")]
    Busy,
    /// The database cannot do it now. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk is full. Nothing was written.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// Whether it was written is not known.
    #[error("whether the transaction was committed is not known: {0}")]
    InDoubt(String),
    /// What was read cannot be so.
    #[error("the database holds something that cannot be: {0}")]
    Corrupt(String),
    /// The database cannot be opened, is another cluster's, or is newer than this program. Says what to do.
    #[error("{0}")]
    Unusable(String),
    /// Somebody else has to act first: make the database, let this role in, migrate the schema. Says who and what.
    #[error("{0}")]
    NotYet(String),
    /// A statement that the database refuses, or a rule of this crate broken: a fault in our code. Rolled back.
    #[error("a fault in a statement: {0}")]
    Fault(String),
}

impl Error {
    /// The public code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused(error) => error.code,
            Self::Moved { .. } => Code::Moved,
            Self::Busy => Code::Busy,
            Self::Unavailable(_) | Self::DiskFull(_) | Self::Unusable(_) | Self::NotYet(_) => Code::Unavailable,
            Self::InDoubt(_) => Code::InDoubt,
            Self::Unique(_) | Self::Corrupt(_) | Self::Fault(_) => Code::Internal,
        }
    }

    /// Whether waiting may help at a start: a server that comes up, a schema that is migrated. What is wrong stays wrong.
    pub const fn may_heal(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_) | Self::NotYet(_))
    }

    /// Whether it is certain that nothing was written.
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::InDoubt(_))
    }
}

/// The one place where a store's error becomes public. Internal text stays here, in the log.
impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        let detail = match &error {
            Error::Refused(_) | Error::Moved { .. } | Error::Busy => String::new(),
            other => other.to_string(),
        };
        if !detail.is_empty() {
            tracing::error!(error.detail = detail, error.code = error.code().as_str(), "store");
        }
        match error {
            Error::Refused(error) => error,
            Error::Moved { .. } => {
                Self::new(Code::Moved, "The data has just moved to another shard. Send the request again.")
            }
            Error::Busy => {
                Self::new(Code::Busy, "Too many requests are waiting for the database. Try again in a second.")
            }
            Error::Unavailable(_) | Error::DiskFull(_) | Error::Unusable(_) | Error::NotYet(_) => Self::new(
                Code::Unavailable,
                "The database cannot be used at the moment; nothing was changed. Try again in a second.",
            ),
            Error::InDoubt(_) => Self::new(
                Code::InDoubt,
                "Whether the change was made is not known. Send the same request again with the same Idempotency-Key.",
            ),
            Error::Unique(_) | Error::Corrupt(_) | Error::Fault(_) => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_text_never_leaves() {
        let secret = "no such column: users.emial";
        for error in [
            Error::Fault(secret.into()),
            Error::Corrupt(secret.into()),
            Error::Unavailable(secret.into()),
            Error::InDoubt(secret.into()),
        ] {
            assert!(!model::Error::from(error).detail.contains("emial"));
        }
    }

    #[test]
    fn doubt_is_never_told_as_failure() {
        assert_eq!(model::Error::from(Error::InDoubt(String::new())).code, Code::InDoubt);
        assert!(!Error::InDoubt(String::new()).is_certain());
        assert!(Error::Busy.is_certain());
    }
}
