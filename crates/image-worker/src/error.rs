//! What stops the worker, or an attempt, for reasons of ours.

use std::io;

use model::error::Code;

/// A fault on our side.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The executable to transform with is not known.
    #[error("worker.transformer is not set and this executable cannot be found: {0}")]
    Transformer(#[source] io::Error),
    /// The directory for a job's files cannot be used.
    #[error("worker.scratch_dir {path} cannot be used: {source}")]
    Scratch {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The object store.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// A job's own files.
    #[error("a job's file: {0}")]
    File(#[from] io::Error),
    /// The transformation reported what it was not asked for.
    #[error("the transformation's outputs are not those of the request: {0}")]
    Outputs(&'static str),
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Objects(error) => error.into(),
            Error::Transformer(_) | Error::Scratch { .. } | Error::File(_) => {
                Self::new(Code::Unavailable, "Pictures cannot be processed now. Try again shortly.")
            }
            Error::Outputs(_) => Self::internal(),
        }
    }
}
