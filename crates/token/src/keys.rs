//! The keys: one signs, all verify.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use model::{SessionId, UserId};
use secrecy::zeroize::{Zeroize, Zeroizing};
use subtle::ConstantTimeEq;

use crate::wire::{self, Claims, MAC_BYTES, Refused, Token, VERSION};
use crate::{FileError, file};

const SECRET_BYTES: usize = 32;
// Separates the MAC key from any other key that is derived from the same secret.
const MAC_CONTEXT: &str = "myriad 2026-01 session token mac v1";

/// The token keys. Cheap to clone.
///
/// Text form, in a file or a setting: `<id>:<64 hexadecimal digits>`, an id from 0 to 255, one key a line or separated by commas;
/// `#` begins a comment line. The first key signs, all of them verify.
///
/// To rotate without a refused token: add the new key last in every process, then make it the first in every process, then take
/// the old one away once its last session is over (30 days by default).
#[derive(Clone)]
pub struct Keys(Arc<Vec<Key>>);

struct Key {
    id: u8,
    secret: [u8; SECRET_BYTES],
    mac: [u8; SECRET_BYTES],
}

impl Key {
    fn new(id: u8, secret: [u8; SECRET_BYTES]) -> Self {
        Self { id, secret, mac: blake3::derive_key(MAC_CONTEXT, &secret) }
    }

    fn sign(&self, claims: &Claims) -> [u8; MAC_BYTES] {
        let full = blake3::keyed_hash(&self.mac, claims.as_bytes());
        let mut cut = [0; MAC_BYTES];
        cut.copy_from_slice(&full.as_bytes()[..MAC_BYTES]);
        cut
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.mac.zeroize();
    }
}

/// What is wrong with the text of keys. Never shows the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No key at all.
    #[error("no token key: give at least one as <id>:<64 hexadecimal digits>")]
    Empty,
    /// A line that is not a key. Counted from 1.
    #[error("token key {0} must look like <id>:<64 hexadecimal digits>, with an id from 0 to 255")]
    Malformed(usize),
    /// Two keys with one id.
    #[error("two token keys have the id {0}: give each its own")]
    Twice(u8),
}

impl Keys {
    /// Reads the keys from a file, and makes the file with one new key if there is none.
    ///
    /// The file is made durably and readable by its owner only. A file that others can read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, FileError> {
        file::load_or_create(path)
    }

    /// One new random key with id 1, as a development server or a test needs it. Nothing is stored.
    pub fn ephemeral() -> Result<Self, getrandom::Error> {
        Ok(Self(Arc::new(vec![Key::new(1, random()?)])))
    }

    /// The token of a session: the same every time while the same key signs.
    pub fn mint(&self, user: UserId, session: SessionId) -> Token {
        let key = self.signing();
        let claims = Claims::new(key.id, user, session);
        wire::encode(&claims, &key.sign(&claims))
    }

    /// Whose token this is, if one of these keys made it. No I/O, no allocation; the comparison takes the same time
    /// wherever the MAC differs.
    pub fn verify(&self, token: &str) -> Result<(UserId, SessionId), Refused> {
        let (claims, mac) = wire::decode(token)?;
        if claims.version() != VERSION {
            return Err(Refused);
        }
        let key = self.0.iter().find(|key| key.id == claims.key_id()).ok_or(Refused)?;
        if !bool::from(key.sign(&claims).ct_eq(&mac)) {
            return Err(Refused);
        }
        claims.read()
    }

    /// A key for another purpose, named by `context` (a fixed sentence, unique in the program), from the signing secret.
    ///
    /// It changes when the signing key is rotated: use it for what lives shortly, such as prints of requests.
    pub fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &self.signing().secret))
    }

    fn signing(&self) -> &Key {
        &self.0[0] // `Keys` is never made empty.
    }
}

impl FromStr for Keys {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut keys: Vec<Key> = Vec::new();
        let entries = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let key = parse_entry(entry).ok_or(ParseError::Malformed(index + 1))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(ParseError::Twice(key.id));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(ParseError::Empty) } else { Ok(Self(Arc::new(keys))) }
    }
}

// Shows which keys there are, nothing of what they are.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.iter().map(|key| key.id).collect::<Vec<_>>()).finish()
    }
}

fn parse_entry(entry: &str) -> Option<Key> {
    let (id, digits) = entry.split_once(':')?;
    let digits = digits.trim().as_bytes();
    if digits.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut secret = [0; SECRET_BYTES];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex(pair[0])? << 4 | hex(pair[1])?;
    }
    Some(Key::new(id.trim().parse().ok()?, secret))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The text of a file with one new key.
pub(crate) fn generate() -> Result<Zeroizing<String>, getrandom::Error> {
    use std::fmt::Write as _;

    let secret = Zeroizing::new(random()?);
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str("# Keys of session tokens: <id>:<64 hexadecimal digits>. The first signs, all verify.\n");
    text.push_str("# Whoever reads this file can sign in as anybody: keep it secret, back it up.\n1:");
    for byte in *secret {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}

fn random() -> Result<[u8; SECRET_BYTES], getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
