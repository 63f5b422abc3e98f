//! What can go wrong with objects, and its one mapping to the shared error.

use std::io;

use model::error::Code;

/// S3's code for a missing bucket.
const NO_BUCKET: &str = "NoSuchBucket";

/// Result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no object under this key.
    #[error("no such object")]
    NotFound,
    /// The stream was longer than its limit.
    #[error("more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// No byte of the object lies in the range asked for.
    #[error("range outside an object of {size_bytes} bytes")]
    OutOfRange {
        /// The object's whole size, for `Content-Range`.
        size_bytes: u64,
    },
    /// The disk or its quota is full.
    #[error("no space left for objects")]
    Full(#[source] object_store::Error),
    /// The engine failed; trying again may help.
    #[error("object store failed")]
    Engine(#[source] object_store::Error),
    /// A setting is wrong.
    #[error("{0}")]
    Settings(String),
    /// The local directory cannot be used.
    #[error("objects directory {path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            // A bucket that is not there is a fault of ours, not an object that somebody deleted.
            object_store::Error::NotFound { ref source, .. } if source.to_string().contains(NO_BUCKET) => {
                Self::Engine(error)
            }
            object_store::Error::NotFound { .. } => Self::NotFound,
            other if is_full(&other) => Self::Full(other),
            other => Self::Engine(other),
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        object_store::Error::Generic { store: "local", source: Box::new(source) }.into()
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(source: tokio::task::JoinError) -> Self {
        Self::Engine(object_store::Error::JoinError { source })
    }
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found("object"),
            Error::TooLarge { limit_bytes } => {
                Self::new(Code::BodyTooLarge, format!("Send at most {limit_bytes} bytes."))
            }
            Error::OutOfRange { size_bytes } => {
                Self::new(Code::RangeNotSatisfiable, format!("Ask for bytes 0 to {}.", size_bytes.saturating_sub(1)))
            }
            Error::Full(_) => {
                Self::new(Code::Unavailable, "There is no space left to store pictures. Try again later.")
                    .retry_after(30)
            }
            Error::Engine(_) | Error::Directory { .. } | Error::Settings(_) => {
                Self::new(Code::Unavailable, "Pictures cannot be stored or read now. Try again shortly.")
            }
        }
    }
}

/// Whether the cause, however deep, is a full disk or quota.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test server makes buckets as they are written to, so this is told from S3's documented answer.
    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let of = |code: &str| {
            let source = format!("<Error><Code>{code}</Code></Error>").into();
            Error::from(object_store::Error::NotFound { path: "x".to_owned(), source })
        };
        assert!(matches!(of("NoSuchBucket"), Error::Engine(_)));
        assert!(matches!(of("NoSuchKey"), Error::NotFound));
    }

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        let of = |kind: io::ErrorKind| Error::from(io::Error::from(kind));
        assert!(matches!(of(io::ErrorKind::StorageFull), Error::Full(_)));
        assert!(matches!(of(io::ErrorKind::PermissionDenied), Error::Engine(_)));
        assert_eq!(model::Error::from(of(io::ErrorKind::StorageFull)).retry_after_s, Some(30));
    }
}
