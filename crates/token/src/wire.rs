//! The layout of a token.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | key id |
//! | 8 | user id, big-endian |
//! | 16 | session id |
//! | 16 | BLAKE3 keyed MAC of the 26 bytes before, cut to 128 bits |
//!
//! 42 bytes are exactly 56 characters of base64url: no padding, no spare bits, so a token has one spelling only.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Code, Error, SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};

/// The version of this layout.
pub(crate) const VERSION: u8 = 1;
pub(crate) const MAC_BYTES: usize = 16;
const CLAIM_BYTES: usize = 1 + 1 + 8 + 16;
const TOKEN_BYTES: usize = CLAIM_BYTES + MAC_BYTES;

/// The length of every token, in characters.
pub const TOKEN_CHARS: usize = 56;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3) && TOKEN_BYTES / 3 * 4 == TOKEN_CHARS, "a token has no spare bits");

/// A bearer token. Whoever has it is signed in, so it is never printed and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// The characters, for the one answer that hands them to their owner.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Not a token of ours. Which check refused it is not told: it would only help a forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid token")]
pub struct Refused;

impl From<Refused> for Error {
    fn from(Refused: Refused) -> Self {
        Self::new(Code::Unauthenticated, "The token is not valid. Sign in again.")
    }
}

/// What the MAC is over.
pub(crate) struct Claims([u8; CLAIM_BYTES]);

impl Claims {
    pub(crate) fn new(key_id: u8, user: UserId, session: SessionId) -> Self {
        let mut bytes = [0; CLAIM_BYTES];
        bytes[0] = VERSION;
        bytes[1] = key_id;
        bytes[2..10].copy_from_slice(&user.get().to_be_bytes());
        bytes[10..].copy_from_slice(&session.0);
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn version(&self) -> u8 {
        self.0[0]
    }

    pub(crate) fn key_id(&self) -> u8 {
        self.0[1]
    }

    pub(crate) fn read(&self) -> Result<(UserId, SessionId), Refused> {
        let (user, session) = self.0[2..].split_first_chunk::<8>().ok_or(Refused)?;
        let user = UserId::new(u64::from_be_bytes(*user)).ok_or(Refused)?;
        Ok((user, SessionId::from_slice(session).ok_or(Refused)?))
    }
}

/// Puts claims and MAC together.
pub(crate) fn encode(claims: &Claims, mac: &[u8; MAC_BYTES]) -> Token {
    let mut bytes = [0; TOKEN_BYTES];
    bytes[..CLAIM_BYTES].copy_from_slice(&claims.0);
    bytes[CLAIM_BYTES..].copy_from_slice(mac);
    Token(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// Takes them apart, on the stack.
pub(crate) fn decode(text: &str) -> Result<(Claims, [u8; MAC_BYTES]), Refused> {
    if text.len() != TOKEN_CHARS {
        return Err(Refused);
    }
    let mut bytes = [0; TOKEN_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| Refused)?;
    if length != TOKEN_BYTES {
        return Err(Refused);
    }
    let (claims, mac) = bytes.split_first_chunk::<CLAIM_BYTES>().ok_or(Refused)?;
    Ok((Claims(*claims), mac.try_into().map_err(|_| Refused)?))
}
