//! Where a picture stands in the feed.

use std::fmt;

use model::{ImageId, UserId};

/// Digits of the time and of the user.
const TIME: usize = 12;
const USER: usize = 14;
const LENGTH: usize = TIME + USER + 32;
/// 48 bits of milliseconds last for 8,900 years.
const TIME_MAX: u64 = (1 << 48) - 1;

/// A picture's place: by the time of its upload, then by user and image, so that no two are alike. The greatest is the newest.
///
/// It holds no bucket and no shard: a picture that moves keeps its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    created_at_ms: u64,
    user: UserId,
    image: ImageId,
}

impl Place {
    /// The place of a picture that was uploaded at this time, in milliseconds since 1970-01-01 UTC.
    pub fn new(created_at_ms: i64, user: UserId, image: ImageId) -> Self {
        Self { created_at_ms: u64::try_from(created_at_ms).unwrap_or(0).min(TIME_MAX), user, image }
    }

    /// Reads what `Display` has written: 58 hexadecimal digits in the order of places.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !plain {
            return None;
        }
        let number = |range| u64::from_str_radix(text.get(range)?, 16).ok();
        Some(Self {
            created_at_ms: number(0..TIME)?,
            user: UserId::new(number(TIME..TIME + USER)?)?,
            image: ImageId::parse(text.get(TIME + USER..)?)?,
        })
    }

    /// When it was uploaded, in milliseconds since 1970-01-01 UTC.
    pub fn created_at_ms(&self) -> i64 {
        self.created_at_ms.cast_signed()
    }

    /// Whose.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Which.
    pub const fn image(&self) -> &ImageId {
        &self.image
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0TIME$x}{:0USER$x}{}", self.created_at_ms, self.user.get(), self.image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(created_at_ms: i64, user: u64, image: u8) -> Place {
        Place::new(created_at_ms, UserId::new(user).unwrap(), ImageId::from_bytes([image; 16]))
    }

    #[test]
    fn the_order_of_texts_is_that_of_places() {
        let mut places = [place(1, 9, 9), place(255, 16, 1), place(256, 2, 3), place(256, 12, 1), place(256, 12, 2)];
        places.sort();
        let texts: Vec<_> = places.iter().map(ToString::to_string).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        for (place, text) in places.iter().zip(&texts) {
            assert_eq!(Place::parse(text).as_ref(), Some(place));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let right = place(1, 12, 3).to_string();
        for wrong in ["", &right[1..], &format!("{right}0"), &right.replace('3', "A"), &right.replace('c', "0")] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
        assert_eq!(place(-5, 1, 1), place(0, 1, 1), "before 1970 nothing was uploaded");
    }
}
