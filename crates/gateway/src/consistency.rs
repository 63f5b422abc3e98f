//! The consistency token: how far the shards' logs were when this client last wrote.
//!
//! Opaque to clients: base64url of a version byte and, for each shard, three variable-length integers (shard, role epoch, log).
//! What is not understood is ignored: a token can only make a read fresher, never let it see more.

use std::collections::BTreeMap;

use api::position::Position;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::ShardId;

/// The header.
pub const HEADER: &str = "x-consistency-token";
/// Longest token, in characters.
const TOKEN_MAX: usize = 1024;
const BYTES_MAX: usize = TOKEN_MAX / 4 * 3;
const VERSION: u8 = 1;

/// Positions by shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    positions: BTreeMap<u32, (u64, u64)>,
    /// Shards in the order in which they were last written, the newest last.
    order: Vec<u32>,
}

impl Seen {
    /// Reads a token and adds what it says.
    pub fn merge_token(&mut self, token: &str) {
        if token.len() > TOKEN_MAX {
            return;
        }
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else {
            return;
        };
        let Some((&VERSION, mut rest)) = bytes.split_first() else {
            return;
        };
        while let (Some(shard), Some(role_epoch), Some(log)) = (take(&mut rest), take(&mut rest), take(&mut rest)) {
            if let Ok(shard) = u32::try_from(shard) {
                self.merge(Position { shard: ShardId(shard), role_epoch, log });
            }
        }
    }

    /// Adds a position; the later one of a shard counts.
    pub fn merge(&mut self, position: Position) {
        let shard = position.shard.0;
        let entry = self.positions.entry(shard).or_default();
        *entry = (*entry).max((position.role_epoch, position.log));
        self.order.retain(|known| *known != shard);
        self.order.push(shard);
    }

    /// The token, if anything was seen. Where it would be too long, the shards written longest ago are left out.
    pub fn token(&self) -> Option<String> {
        let mut bytes = vec![VERSION];
        for shard in self.order.iter().rev() {
            let (role_epoch, log) = self.positions.get(shard)?;
            let mut part = Vec::with_capacity(24);
            put(&mut part, u64::from(*shard));
            put(&mut part, *role_epoch);
            put(&mut part, *log);
            if bytes.len() + part.len() > BYTES_MAX {
                break;
            }
            bytes.extend_from_slice(&part);
        }
        (bytes.len() > 1).then(|| URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The positions, for the services.
    pub fn positions(&self) -> Vec<Position> {
        let position = |(shard, (role_epoch, log)): (&u32, &(u64, u64))| Position {
            shard: ShardId(*shard),
            role_epoch: *role_epoch,
            log: *log,
        };
        self.positions.iter().map(position).collect()
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(shard: u32, role_epoch: u64, log: u64) -> Position {
        Position { shard: ShardId(shard), role_epoch, log }
    }

    #[test]
    fn a_token_contains_the_one_before_it() {
        let mut first = Seen::default();
        first.merge(at(0, 1, 300));
        first.merge(at(2, u64::MAX, u64::MAX));
        let mut second = Seen::default();
        second.merge_token(&first.token().unwrap());
        second.merge(at(0, 1, 200));
        second.merge(at(1, 1, 5));
        let mut third = Seen::default();
        third.merge_token(&second.token().unwrap());
        assert_eq!(third.positions(), [at(0, 1, 300), at(1, 1, 5), at(2, u64::MAX, u64::MAX)]);
    }

    #[test]
    fn a_new_reign_counts_more_than_a_long_log() {
        let mut seen = Seen::default();
        seen.merge(at(0, 1, 900));
        seen.merge(at(0, 2, 3));
        assert_eq!(seen.positions(), [at(0, 2, 3)]);
    }

    #[test]
    fn nonsense_is_ignored_and_length_is_bounded() {
        let long = "A".repeat(2000);
        for nonsense in ["", "!", "AQ", "AQE", "Ag", "AQEB", &long] {
            let mut seen = Seen::default();
            seen.merge_token(nonsense);
            assert_eq!(seen.token(), None, "{nonsense}");
        }
        let mut seen = Seen::default();
        (0..500).for_each(|shard| seen.merge(at(shard, u64::MAX, u64::MAX)));
        let token = seen.token().unwrap();
        assert!(token.len() <= 1024);
        let mut read = Seen::default();
        read.merge_token(&token);
        assert!(read.positions().contains(&at(499, u64::MAX, u64::MAX)));
    }
}
