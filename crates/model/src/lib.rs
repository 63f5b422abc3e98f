//! The vocabulary of Myriad: ids, buckets, e-mail addresses, users, sessions, images, and the one error type.
//!
//! Pure: no I/O, no async. Everything else depends on this crate and it depends on none of ours.

pub mod bucket;
pub mod email;
pub mod error;
pub mod id;
pub mod image;
pub mod profile;
pub mod random;
pub mod session;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod text;
pub mod time;

pub use bucket::{BUCKETS, Bucket, Epoch, ShardId};
pub use email::EmailAddress;
pub use error::{Code, Error, FieldError, Location, Result};
pub use id::{ImageId, SessionId, UserId};
