//! `model` ↔ protobuf. Into protobuf never fails; out of it, raw messages are validated once, here, and never seen below.

mod image;
pub mod profile;
mod session;

use model::{Code, Error, ImageId, Location, Result, SessionId, UserId};

/// A user id from the wire.
pub fn user_id(id: u64) -> Result<UserId> {
    UserId::new(id).ok_or_else(|| invalid("/user_id", "must be 1 to 2^53 - 1"))
}

/// An image id from the wire.
pub fn image_id(id: &str) -> Result<ImageId> {
    ImageId::parse(id).ok_or_else(|| invalid("/image_id", "must be 32 lower-case hexadecimal digits"))
}

/// A session id from the wire.
pub fn session_id(id: &[u8]) -> Result<SessionId> {
    SessionId::from_slice(id).ok_or_else(|| invalid("/session_id", "must be 16 bytes"))
}

/// A 32-byte print from the wire.
pub fn print(pointer: &str, bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| invalid(pointer, "must be 32 bytes"))
}

/// A message that must be there.
pub fn required<T>(pointer: &str, message: Option<T>) -> Result<T> {
    message.ok_or_else(|| invalid(pointer, "must be given"))
}

fn invalid(pointer: &str, detail: &str) -> Error {
    Error::new(Code::InvalidInput, "Mend the fields named in the violations and call again.")
        .field(Location::Pointer(pointer.to_owned()), detail)
}
