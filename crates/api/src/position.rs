//! Where in a shard's log a write landed, as it travels in response metadata from a service to the gateway.
//!
//! Form: `shard:role_epoch:log`, several joined by commas. The gateway folds them into the consistency token.

use model::ShardId;
use tonic::{Response, metadata::MetadataMap};

/// The metadata key.
pub const KEY: &str = "myriad-position";

/// A log position of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which shard.
    pub shard: ShardId,
    /// Which reign of its primary; positions of different reigns do not compare.
    pub role_epoch: u64,
    /// Position in that primary's log.
    pub log: u64,
}

/// Writes positions into a response. An empty list leaves it untouched.
pub fn attach<T>(response: &mut Response<T>, positions: &[Position]) {
    if positions.is_empty() {
        return;
    }
    let text =
        positions.iter().map(|p| format!("{}:{}:{}", p.shard, p.role_epoch, p.log)).collect::<Vec<_>>().join(",");
    if let Ok(value) = text.parse() {
        response.metadata_mut().insert(KEY, value);
    }
}

/// Reads the positions of a response; parts that are not understood are left out.
pub fn read(metadata: &MetadataMap) -> Vec<Position> {
    let text = metadata.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').filter_map(parse).collect()
}

fn parse(part: &str) -> Option<Position> {
    let mut numbers = part.split(':');
    let position = Position {
        shard: ShardId(numbers.next()?.parse().ok()?),
        role_epoch: numbers.next()?.parse().ok()?,
        log: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_the_round_trip_and_nonsense_is_left_out() {
        let mut response = Response::new(());
        let there = Position { shard: ShardId(3), role_epoch: 1, log: 42 };
        attach(&mut response, &[there, Position { log: 7, ..there }]);
        assert_eq!(read(response.metadata()), [there, Position { log: 7, ..there }]);
        response.metadata_mut().insert(KEY, "x,1:2,3:1:42,1:2:3:4".parse().unwrap());
        assert_eq!(read(response.metadata()), [there]);
    }
}
