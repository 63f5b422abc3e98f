//! What a value that was read or written is known to contain, so that it can be told whether a caller has seen more.

use api::position::Position;
use model::ShardId;
use store::Ownership;

use crate::map::Place;

/// Up to where a copy of a user's row contains what was written, in the log of the shard that owned the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Who owned the bucket then. A bucket that has moved since has gone on in another log.
    pub own: Ownership,
    /// The shard.
    pub shard: ShardId,
    /// The reign of its primary.
    pub role_epoch: u64,
    /// Every write up to here is in it.
    pub up_to: u64,
    /// And the write that made it, which told its caller this position; 0 for a copy that was only read.
    ///
    /// A position is where the log was when a commit was answered, which may be after the next writer's commit, so of the positions
    /// below it nothing is said.
    pub made_at: u64,
}

impl Mark {
    /// The mark of a value that was made by a write.
    pub fn made(place: Place, at: Position) -> Self {
        let (own, role_epoch) = (place.ownership(), at.role_epoch);
        Self { own, shard: at.shard, role_epoch, up_to: 0, made_at: at.log }
    }

    /// Whether a copy with this mark holds all that the caller has seen, by the map at hand.
    pub fn covers(&self, place: Place, seen: &[Position]) -> bool {
        if (self.own, self.shard) != (place.ownership(), place.shard) {
            return false;
        }
        match needed(place.shard, seen) {
            None => true,
            Some(needed) if needed.role_epoch != self.role_epoch => false,
            Some(needed) => needed.log <= self.up_to || needed.log == self.made_at,
        }
    }
}

/// What a caller has seen of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) role_epoch: u64,
    pub(crate) log: u64,
}

/// The part of a caller's positions that is about a shard. The latest reign counts.
pub(crate) fn needed(shard: ShardId, seen: &[Position]) -> Option<Needed> {
    let of_shard = seen.iter().filter(|position| position.shard == shard);
    let latest = of_shard.map(|position| (position.role_epoch, position.log)).max();
    latest.map(|(role_epoch, log)| Needed { role_epoch, log })
}

#[cfg(test)]
mod tests {
    use model::{Bucket, Epoch};

    use super::*;

    fn place(shard: u32, epoch: u64) -> Place {
        Place { bucket: Bucket(7), epoch: Epoch(epoch), shard: ShardId(shard) }
    }

    fn at(shard: u32, role_epoch: u64, log: u64) -> Position {
        Position { shard: ShardId(shard), role_epoch, log }
    }

    #[test]
    fn a_copy_covers_what_was_written_before_it_and_the_write_that_made_it() {
        let here = place(0, 1);
        let read = Mark { own: here.ownership(), shard: ShardId(0), role_epoch: 2, up_to: 100, made_at: 0 };
        assert!(read.covers(here, &[]) && read.covers(here, &[at(1, 9, 9_999)]));
        assert!(read.covers(here, &[at(0, 2, 100)]) && !read.covers(here, &[at(0, 2, 101)]));
        assert!(
            !read.covers(here, &[at(0, 1, 5)]) && !read.covers(here, &[at(0, 3, 5)]),
            "other reigns do not compare"
        );
        let made = Mark::made(here, at(0, 2, 300));
        assert!(made.covers(here, &[at(0, 2, 300)]));
        assert!(!made.covers(here, &[at(0, 2, 299)]) && !made.covers(here, &[at(0, 2, 301)]));
        assert!(made.covers(here, &[]));
    }

    #[test]
    fn a_copy_from_before_a_move_covers_nothing_after_it() {
        let mark = Mark { own: place(0, 1).ownership(), shard: ShardId(0), role_epoch: 1, up_to: u64::MAX, made_at: 0 };
        assert!(!mark.covers(place(1, 2), &[at(0, 1, 5)]));
        assert!(!mark.covers(place(0, 3), &[at(0, 1, 5)]), "there and back again");
    }

    #[test]
    fn of_several_positions_the_latest_counts() {
        let seen = [at(0, 1, 900), at(0, 2, 3), at(1, 5, 5), at(0, 2, 2)];
        assert_eq!(needed(ShardId(0), &seen), Some(Needed { role_epoch: 2, log: 3 }));
        assert_eq!(needed(ShardId(2), &seen), None);
    }
}
