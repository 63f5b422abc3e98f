//! What stands in Redis and on the channel.
//!
//! An entry: format (1 byte, 1), version (8 bytes, the highest first), state (1 byte: 0 stale, 1 value, 2 gone), the value's bytes. A
//! message: the same of a stale or gone entry, then its key. What has another format is of another release: a miss.

use bytes::{BufMut as _, Bytes, BytesMut};
use cache::{Entry, State};

/// The format written here.
pub const FORMAT: u8 = 1;
/// What comes before the value.
pub const HEADER_BYTES: usize = 10;

const STALE: u8 = 0;
const VALUE: u8 = 1;
const GONE: u8 = 2;

/// An entry as it is kept.
pub fn encode(entry: &Entry) -> Bytes {
    let (state, value) = match &entry.state {
        State::Stale => (STALE, &[][..]),
        State::Value(bytes) => (VALUE, &bytes[..]),
        State::Gone => (GONE, &[][..]),
    };
    header(entry.version, state, value)
}

/// An entry as it was kept; `None` where it is of another release.
pub fn decode(mut bytes: Bytes) -> Option<Entry> {
    let (version, state) = parse_header(&bytes)?;
    let state = match state {
        STALE => State::Stale,
        VALUE => State::Value(bytes.split_off(HEADER_BYTES)),
        GONE => State::Gone,
        _ => return None,
    };
    Some(Entry { version, state })
}

/// What other processes are told of an entry: that older ones are outdated, or that the thing is gone.
pub fn encode_message(key: &str, entry: &Entry) -> Bytes {
    let state = if entry.state == State::Gone { GONE } else { STALE };
    header(entry.version, state, key.as_bytes())
}

/// A message; `None` where it is of another release.
pub fn decode_message(bytes: &[u8]) -> Option<(&str, Entry)> {
    let (version, state) = parse_header(bytes)?;
    let state = match state {
        STALE => State::Stale,
        GONE => State::Gone,
        _ => return None,
    };
    let key = std::str::from_utf8(&bytes[HEADER_BYTES..]).ok()?;
    Some((key, Entry { version, state }))
}

fn header(version: u64, state: u8, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + rest.len());
    bytes.put_u8(FORMAT);
    bytes.put_u64(version);
    bytes.put_u8(state);
    bytes.put_slice(rest);
    bytes.freeze()
}

fn parse_header(bytes: &[u8]) -> Option<(u64, u8)> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let [FORMAT, version @ .., state] = header else { return None };
    Some((u64::from_be_bytes(*version), *state))
}
