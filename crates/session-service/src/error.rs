//! What can go wrong, and the one place where it becomes public.

use model::Code;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The shard.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The hasher.
    #[error(transparent)]
    Password(#[from] password::Error),
    /// The account has seen its share of wrong passwords.
    #[error(transparent)]
    TooManyWrong(#[from] password::TooMany),
    /// Wrong password, or nobody has this e-mail.
    #[error("wrong e-mail or password")]
    BadCredentials,
    /// The session is over, or never was.
    #[error("the session is not live")]
    NotLive,
    /// The session to be ended is over, another's, or never was.
    #[error("no such session")]
    NoSession,
    /// The user is gone.
    #[error("no such user")]
    NoUser,
    /// The Idempotency-Key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The first request with this Idempotency-Key is being worked on.
    #[error("the first request with this idempotency key is under way")]
    InProgress,
    /// The user's sessions were ended again and again while the password was checked.
    #[error("the sign-in lost every race")]
    Contended,
    /// The system has no randomness to give.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// Already in public words: input that is wrong, what a shared load came to.
    #[error(transparent)]
    Public(#[from] model::Error),
}

impl Error {
    /// Whether it is certain that nothing was written.
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Self::Store(error) => error.is_certain(),
            Self::Public(error) => error.code != Code::InDoubt,
            _ => true,
        }
    }
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Password(error) => {
                if !matches!(error, password::Error::Busy { .. }) {
                    tracing::error!(%error, "password hashing");
                }
                error.into()
            }
            Error::TooManyWrong(error) => error.into(),
            Error::BadCredentials => Self::new(Code::BadCredentials, "The e-mail or the password is wrong."),
            Error::NotLive => Self::new(Code::Unauthenticated, "The session is over. Sign in again."),
            Error::NoSession => Self::not_found("session"),
            Error::NoUser => Self::not_found("user"),
            Error::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used for another request. Send this request with a new key.",
            ),
            Error::InProgress => Self::new(
                Code::IdempotencyInProgress,
                "The first request with this Idempotency-Key is still being worked on. Repeat it after Retry-After seconds.",
            ),
            Error::Contended => Self::new(Code::Unavailable, "The account was changed while you signed in. Try again."),
            Error::Random(error) => {
                tracing::error!(%error, "no random bytes");
                Self::new(Code::Unavailable, "Sessions cannot be made just now. Try again.")
            }
            Error::Public(error) => error,
        }
    }
}
