//! Why a picture could not be made.

use model::error::{Code, FieldError};

/// Result of the pipeline.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the header or the request already tells.
    #[error(transparent)]
    Refused(#[from] model::Error),
    /// The data is cut off or damaged. The cause is for the log.
    #[error("the picture's data is broken: {cause}")]
    Broken {
        /// What the decoder said.
        cause: String,
    },
    /// More memory than the limits allow.
    #[error("the picture needs {needed} bytes of memory")]
    Memory {
        /// Bytes, as estimated.
        needed: u64,
    },
    /// An encoder or a step gave up; a fault of ours.
    #[error("a picture could not be written: {0}")]
    Encoding(String),
}

impl Error {
    #[expect(clippy::needless_pass_by_value, reason = "as map_err calls it")]
    pub(crate) fn broken(cause: impl ToString) -> Self {
        Self::Broken { cause: cause.to_string() }
    }

    /// Whether another try could end otherwise.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Broken { .. } | Self::Memory { .. })
    }
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(error) => error,
            Error::Broken { .. } => Self {
                fields: vec![FieldError::at("/file", "The data is cut off or damaged.")],
                ..Self::new(Code::InvalidInput, "The picture's data is cut off or damaged. Send the whole file again.")
            },
            Error::Memory { .. } => {
                Self::new(Code::TooManyPixels, "The picture takes too much memory. Send a smaller one.")
            }
            Error::Encoding(_) => Self::internal(),
        }
    }
}
