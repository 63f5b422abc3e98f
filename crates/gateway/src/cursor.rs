//! Cursors of lists: opaque, made by this service only, good for the list they came from.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Code, Error, Result};

const MAC_BYTES: usize = 8;

/// Makes and reads cursors.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// With a key of its own.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The cursor of a place in a list.
    pub fn make(&self, list: &str, place: &str) -> String {
        let mut bytes = self.mac(list, place).to_vec();
        bytes.extend_from_slice(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place, or `BAD_CURSOR`.
    pub fn read(&self, list: &str, cursor: &str) -> Result<String> {
        let bad =
            || Error::new(Code::BadCursor, "Use the nextCursor of the page before, unchanged and on the same list.");
        if cursor.len() > 128 {
            return Err(bad());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let (mac, place) = bytes.split_first_chunk::<MAC_BYTES>().ok_or_else(bad)?;
        let place = std::str::from_utf8(place).map_err(|_| bad())?;
        if blake3::Hash::from(pad(*mac)) == blake3::Hash::from(pad(self.mac(list, place))) {
            Ok(place.to_owned())
        } else {
            Err(bad())
        }
    }

    fn mac(&self, list: &str, place: &str) -> [u8; MAC_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(list.len() as u64).to_le_bytes()).update(list.as_bytes()).update(place.as_bytes());
        let mut mac = [0; MAC_BYTES];
        hasher.finalize_xof().fill(&mut mac);
        mac
    }
}

/// `blake3::Hash` compares in constant time.
fn pad(mac: [u8; MAC_BYTES]) -> [u8; 32] {
    let mut padded = [0; 32];
    padded[..MAC_BYTES].copy_from_slice(&mac);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_only() {
        let cursors = Cursors::new([1; 32]);
        let cursor = cursors.make("users", "12");
        assert_eq!(cursors.read("users", &cursor).as_deref(), Ok("12"));
        for (list, wrong) in [
            ("images", cursor.as_str()),
            ("users", ""),
            ("users", "12"),
            ("users", "MTI"),
            ("users", &format!("{cursor}A")),
        ] {
            assert_eq!(cursors.read(list, wrong).unwrap_err().code, Code::BadCursor);
        }
        assert!(Cursors::new([2; 32]).read("users", &cursor).is_err());
    }
}
