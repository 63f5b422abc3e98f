//! Pictures' bytes: streamed in, hashed while they come, published whole under a key made of image id and content hash.
//!
//! One type over the `object_store` crate. The engines are a local directory and S3; any other `ObjectStore` joins
//! through [`Objects::over`] and must pass the same contract suite. What [`Staged::publish`] or [`Objects::put`] acknowledged survives
//! kill -9 and a power cut: locally the file and its directory are synced before the call returns.

mod error;
mod key;
mod local;
mod objects;
mod read;
mod s3;
mod settings;
mod sweep;
mod upload;

pub use error::{Error, Result};
pub use key::{Class, ContentHash, Key};
pub use objects::{Listed, Objects};
pub use read::{Body, ByteRange, Object};
pub use settings::{S3Settings, Settings};
pub use upload::{Staged, Upload};
