//! Why no hash came back.

/// Hashing could not be done. None of these says anything about whether a password was right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full.
    #[error("the password queue is full, a place is free in about {retry_after_s} s")]
    Busy {
        /// When a repeat is worth trying, in seconds.
        retry_after_s: u32,
    },
    /// A stored hash is not one of ours.
    #[error("a stored password hash is not usable: {0}")]
    Stored(String),
    /// The system refused memory or randomness, or the pool is shutting down.
    #[error("passwords cannot be hashed: {0}")]
    Failed(String),
}

impl From<Error> for model::Error {
    /// The public words; log the original where it is handled.
    fn from(error: Error) -> Self {
        match error {
            Error::Busy { retry_after_s } => Self::new(
                model::Code::Busy,
                "Too many passwords are being checked just now. Try again after Retry-After seconds.",
            )
            .retry_after(retry_after_s),
            Error::Stored(_) => Self::internal(),
            Error::Failed(_) => Self::new(model::Code::Unavailable, "Passwords cannot be checked just now. Try again."),
        }
    }
}
