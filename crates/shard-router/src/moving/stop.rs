//! Why a step was not done, and what follows.

use store::Error;

/// What a step that failed means for its move.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The move is another holder's: leave it alone.
    #[error("the move is another router's now")]
    Lost,
    /// An earlier move of one of the buckets is not over.
    #[error("waits for move {0}, which has one of these buckets")]
    Waits(u64),
    /// It may work later.
    #[error("{0}")]
    Again(String),
    /// It will not work: back, where that is possible.
    #[error("{0}")]
    Wrong(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            // An owner row that is not as we left it: whoever changed it has a higher token.
            Error::Moved { .. } => Self::Lost,
            Error::Busy | Error::Unavailable(_) | Error::InDoubt(_) | Error::NotYet(_) => {
                Self::Again(error.to_string())
            }
            other => Self::Wrong(other.to_string()),
        }
    }
}

impl From<crate::Error> for Stop {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Catalog(error) => error.into(),
            error if error.may_heal() || matches!(error, crate::Error::Stale { .. } | crate::Error::Busy(_)) => {
                Self::Again(error.to_string())
            }
            error => Self::Wrong(error.to_string()),
        }
    }
}
