//! Why a queue did not take a job.

use model::error::Code;

/// Result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// The job was not taken; its outbox row must stay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A worker tried and failed: try again, with back-off.
    #[error("the attempt failed: {0}")]
    Rejected(String),
    /// It came back as it was: a worker drains, or went away before it began.
    #[error("the job was returned untouched")]
    Returned,
    /// The queue is shutting down.
    #[error("the queue is closed")]
    Closed,
    /// The broker is there and did not take this job.
    #[error("the broker refused the job: {0}")]
    Unavailable(String),
    /// The broker is not there, takes nothing now, or did not confirm in time: that says nothing about the job.
    #[error("the broker is away: {0}")]
    Away(String),
}

impl Error {
    /// Whether the next delivery should wait longer for having failed.
    pub const fn counts_as_attempt(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Unavailable(_))
    }
}

impl From<Error> for model::Error {
    fn from(_: Error) -> Self {
        Self::new(Code::Unavailable, "The job queue does not take jobs now. Try again shortly.")
    }
}
