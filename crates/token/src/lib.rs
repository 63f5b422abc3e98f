//! Session tokens: made and checked without a look-up.
//!
//! A token names a user and a session and carries a keyed MAC over both. The gateway checks the MAC before any I/O, so a forged
//! token costs no query; a stolen database signs nobody in, because the keys are not in it; and a sign-in that is repeated makes
//! the same token again, because nothing in it is random but the session id.
//!
//! The MAC says that we made the token, not that the session is still live: that is the session service's answer.

mod file;
mod keys;
mod wire;

pub use file::FileError;
pub use keys::{Keys, ParseError};
pub use wire::{Refused, TOKEN_CHARS, Token};
