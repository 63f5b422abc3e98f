//! Ids: users are dense integers, images and sessions are opaque.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use xxhash_rust::xxh3::xxh3_64;

/// One more than the largest user id: ids stay exact in a JSON number read as a double.
pub const USER_ID_LIMIT: u64 = 1 << 53;

/// A user id, 1 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(u64);

impl UserId {
    /// The id, if it is in range.
    pub const fn new(id: u64) -> Option<Self> {
        if id >= 1 && id < USER_ID_LIMIT { Some(Self(id)) } else { None }
    }

    /// Reads `[1-9][0-9]{0,15}` below 2^53; no sign, no leading zero, no space.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        if !plain {
            return None;
        }
        Self::new(text.parse().ok()?)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as the databases hold it.
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An image id: 32 lower-case hexadecimal digits, time-ordered (UUID version 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(String);

impl ImageId {
    /// Reads 32 lower-case hexadecimal digits; anything else is no image id.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| Self(text.to_owned()))
    }

    /// The id of 16 bytes, such as those of a UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of so many parts of a user's pictures it belongs to: XXH3 (64 bit, seed 0) of the digits, modulo their number, which is
    /// not 0.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below the number of parts")]
    pub fn part_of(&self, parts: usize) -> usize {
        (xxh3_64(self.0.as_bytes()) % parts as u64) as usize
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session id: 16 random bytes, shown as 22 characters of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// Reads the 22 characters; anything else is no session id.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The id of raw bytes, if there are 16.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_read_strictly() {
        assert_eq!(UserId::parse("12").map(UserId::get), Some(12));
        assert_eq!(UserId::parse("9007199254740991").map(UserId::get), Some(USER_ID_LIMIT - 1));
        for wrong in ["", "0", "012", "-1", "+1", " 1", "1.0", "9007199254740992", "99999999999999999", "１"] {
            assert_eq!(UserId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn opaque_ids_survive_the_round_trip() {
        let session = SessionId([7; 16]);
        assert_eq!(SessionId::parse(&session.to_string()), Some(session));
        let image = ImageId::from_bytes([1; 16]);
        assert_eq!(ImageId::parse(image.as_str()), Some(image));
        for wrong in ["", "../etc/passwd", "ABCDEF00112233445566778899aabbcc", "0"] {
            assert_eq!(ImageId::parse(wrong), None);
        }
    }
}
