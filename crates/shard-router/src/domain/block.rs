//! Blocks of user ids.

use model::id::USER_ID_LIMIT;

/// Ids in the largest block that can be asked for.
pub const MAX_BLOCK: u32 = 65_536;

/// The length of the block for a request, `None` where the request is not from 1 to [`MAX_BLOCK`].
///
/// Always odd: processes that restart often use only the heads of their blocks. If blocks began at multiples of a power of two, all
/// those ids would share a few buckets, and with four shards one shard. Odd steps go through all 4096 buckets in turn.
pub fn length(asked: u32) -> Option<u32> {
    (1..=MAX_BLOCK).contains(&asked).then_some(asked | 1)
}

/// The largest `next` from which a block of this length still ends below 2^53.
pub fn last_start(length: u32) -> u64 {
    USER_ID_LIMIT - u64::from(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_odd_and_bounded() {
        assert_eq!([length(0), length(1), length(256), length(257)], [None, Some(1), Some(257), Some(257)]);
        assert_eq!([length(MAX_BLOCK), length(MAX_BLOCK + 1)], [Some(65_537), None]);
        assert_eq!(last_start(257) + 257, USER_ID_LIMIT);
    }

    /// R67: the heads of blocks, all that a process uses that crashes early, fall on every bucket and every shard alike.
    #[test]
    fn the_heads_of_blocks_spread_over_all_buckets() {
        for asked in [1, 2, 64, 100, 256, 1000, 4096, MAX_BLOCK] {
            let step = u64::from(length(asked).unwrap());
            let mut buckets = vec![0u32; 4096];
            for block in 0..4096 * 3 {
                buckets[usize::try_from((1 + block * step) % 4096).unwrap()] += 1;
            }
            assert!(buckets.iter().all(|&heads| heads == 3), "blocks of {step}");
        }
    }
}
