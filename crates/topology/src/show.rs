//! Reads that only show something: from a replica where one will do.

use api::position::Position;
use store::Read;

use crate::map::Place;
use crate::replicas::{Mark, needed};
use crate::shards::{Key, Shards, place_in};

/// A handle for such a read.
pub struct Shown {
    /// To read with.
    pub read: Read,
    /// Where the key lives by the map that the handle was made by.
    pub place: Place,
    /// What the rows that are read contain at least. None where it is not known, and where the shard has no replicas: there every
    /// read is of the primary.
    pub mark: Option<Mark>,
    /// Whether it is a replica that is read from. It may not yet have a row that was made this moment.
    pub on_replica: bool,
}

impl Shards {
    /// A handle to read the bucket of `key` with, for what is only shown to a caller who has seen `seen` of its own writes: on a
    /// replica that has replayed them, else on the primary. Never for what is decided by: a replica is late by nature.
    ///
    /// It waits for a replica where one is about to have what is needed, at most as long as the settings say.
    ///
    /// # Errors
    /// Unavailable where the shard is not open.
    pub async fn show(&self, key: impl Into<Key>, seen: &[Position]) -> store::Result<Shown> {
        let (place, shard, replicas) = {
            let view = self.view.borrow();
            let place = place_in(&view.topology, key.into())?;
            let open = view.open(place.shard)?;
            (place, open.shard.clone(), open.replicas.clone())
        };
        let own = place.ownership();
        let Some(replicas) = replicas else {
            return Ok(Shown { read: shard.read(own), place, mark: None, on_replica: false });
        };
        let chosen = replicas.choose(own, needed(place.shard, seen)).await;
        let mark =
            chosen.known.map(|(role_epoch, up_to)| Mark { own, shard: place.shard, role_epoch, up_to, made_at: 0 });
        Ok(match chosen.replica {
            Some(replica) => Shown { read: shard.read_on(replica, own), place, mark, on_replica: true },
            None => Shown { read: shard.read(own), place, mark, on_replica: false },
        })
    }

    /// Whether the shard of this place has replicas: then what is read of it may be older than what somebody has written, and copies
    /// of it are told apart by their marks.
    pub fn has_replicas(&self, place: Place) -> bool {
        self.view.borrow().open(place.shard).is_ok_and(|open| open.replicas.is_some())
    }
}
