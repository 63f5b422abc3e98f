//! Who holds which buckets, and at what cost, while a plan is made.
//!
//! Sums are 128 bits wide: the costs of all buckets, times a weight, fit without a check.

use model::ShardId;

use super::{Load, Member};

/// A shard with weight, and what it holds.
pub struct Shard {
    pub id: ShardId,
    pub weight: i128,
    pub cost: i128,
    /// Places in the loads.
    pub holds: Vec<usize>,
}

/// All shards with weight, by id, and the owner of each load.
pub struct Stock<'a> {
    pub loads: &'a [Load],
    pub shards: Vec<Shard>,
    pub owners: Vec<ShardId>,
    /// Places of the loads whose owner has no weight or is no member.
    pub homeless: Vec<usize>,
}

impl<'a> Stock<'a> {
    /// The present state; `members` are those with weight, by id.
    pub fn new(loads: &'a [Load], members: &[Member]) -> Self {
        let mut shards = Vec::new();
        for member in members {
            shards.push(Shard { id: member.shard, weight: i128::from(member.weight), cost: 0, holds: Vec::new() });
        }
        let owners = loads.iter().map(|load| load.on).collect();
        let mut stock = Self { loads, shards, owners, homeless: Vec::new() };
        for (place, load) in loads.iter().enumerate() {
            match members.binary_search_by_key(&load.on, |member| member.shard) {
                Ok(shard) => stock.put(place, shard),
                Err(_) => stock.homeless.push(place),
            }
        }
        stock
    }

    /// What the bucket costs, at least 1.
    pub fn cost(&self, place: usize) -> i128 {
        i128::from(self.loads[place].cost.max(1))
    }

    /// Gives the bucket to a shard.
    pub fn put(&mut self, place: usize, to: usize) {
        let cost = self.cost(place);
        let shard = &mut self.shards[to];
        shard.holds.push(place);
        shard.cost += cost;
        self.owners[place] = shard.id;
    }

    /// Takes the bucket from a shard.
    pub fn take(&mut self, place: usize, from: usize) {
        let cost = self.cost(place);
        let shard = &mut self.shards[from];
        shard.holds.retain(|held| *held != place);
        shard.cost -= cost;
    }

    /// Gives each bucket to the shard with room that is then the least loaded for its weight, the dearest first. It is the rule of the
    /// longest processing time (Graham, Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17(2), 1969).
    pub fn house(&mut self, mut places: Vec<usize>, has_room: impl Fn(usize, &Shard) -> bool) {
        places.sort_by_key(|place| (-self.cost(*place), *place));
        for place in places {
            let cost = self.cost(place);
            let with_room = (0..self.shards.len()).filter(|at| has_room(*at, &self.shards[*at]));
            let emptiest = with_room.min_by(|a, b| {
                let (a, b) = (&self.shards[*a], &self.shards[*b]);
                // (a's cost / a's weight) against b's, without the division.
                ((a.cost + cost) * b.weight).cmp(&((b.cost + cost) * a.weight))
            });
            if let Some(shard) = emptiest {
                self.put(place, shard);
            }
        }
    }
}
