//! What session-service reads from and writes to the shards.

mod accounts;
mod requests;
mod rows;

use std::collections::HashMap;

use model::{Bucket, UserId};
use topology::Shards;

pub(crate) use accounts::Account;
pub(crate) use requests::Begun;
pub(crate) use rows::{Made, NewSession, Touch};

/// The shards, in this service's words.
#[derive(Clone)]
pub(crate) struct Store {
    shards: Shards,
}

impl Store {
    pub(crate) fn new(shards: Shards) -> Self {
        Self { shards }
    }

    /// Sorts things of users by the buckets that hold them now.
    pub(crate) fn by_bucket<T>(&self, things: Vec<T>, user: impl Fn(&T) -> UserId) -> HashMap<Bucket, Vec<T>> {
        let topology = self.shards.topology();
        let mut sorted: HashMap<Bucket, Vec<T>> = HashMap::new();
        for thing in things {
            sorted.entry(topology.bucket_of(user(&thing))).or_default().push(thing);
        }
        sorted
    }
}
