//! What the catalog knows: the map, every map before it, and the user's moves.

use model::Epoch;
use moves::in_place::Role;
use moves::{Step, Terms};

/// The bucket that the user's id says; the others are numbers for buckets of its own, in the order in which they are given.
pub const SHARED: usize = 0;
pub const BUCKETS: usize = 3;

/// Whose row it is.
pub const USER: usize = 0;
pub const NEIGHBOUR: usize = 1;

/// The epoch in which a user's own bucket begins.
pub const FIRST: Epoch = Epoch(1);

/// Which way the user goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    Out,
    Home,
}

/// What a move is told when it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    pub way: Way,
    /// The user's own bucket: a new one, or the one that ends.
    pub own: usize,
    /// Of each bucket, in which epoch it is owned.
    pub epochs: [Epoch; BUCKETS],
}

impl Plan {
    pub const fn from(self) -> usize {
        match self.way {
            Way::Out => SHARED,
            Way::Home => self.own,
        }
    }

    pub const fn to(self) -> usize {
        match self.way {
            Way::Out => self.own,
            Way::Home => SHARED,
        }
    }

    /// The buckets whose owner rows change hands, in the order in which they are locked.
    pub fn owners(self) -> impl Iterator<Item = (Role, usize)> {
        let (first, second) = match self.way {
            Way::Out => ((Role::Left, SHARED), None),
            Way::Home => ((Role::Ending, self.own), Some((Role::Joined, SHARED))),
        };
        [Some(first), second].into_iter().flatten()
    }
}

/// A move in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Move {
    pub plan: Plan,
    pub step: Step,
    /// Its rightful holder's, where there is one.
    pub token: u64,
}

/// The catalog: one transaction sees and changes all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Catalog {
    /// The bucket that leads to the user.
    pub user: usize,
    /// The one that the map before led to, as long as somebody may still read by it.
    pub before: Option<usize>,
    /// Of each bucket, in which epoch it is owned; none where it is not yet or no longer in the map.
    pub epochs: [Option<Epoch>; BUCKETS],
    /// The move planned last.
    pub last: Move,
    /// The one before it, for as long as it cleans: the last one waits for that.
    pub earlier: Option<Move>,
    /// The highest token ever given.
    given: u64,
    /// Every map ever published, as (whose, bucket, epoch): a writer somewhere may still go by any of them.
    published: [u64; 2],
}

impl Catalog {
    /// One bucket that all share, and no move yet.
    pub fn new() -> Self {
        let none = Plan { way: Way::Home, own: SHARED, epochs: [FIRST; BUCKETS] };
        let mut catalog = Self {
            user: SHARED,
            before: None,
            epochs: [Some(FIRST), None, None],
            last: Move { plan: none, step: Step::Done, token: 0 },
            earlier: None,
            given: 0,
            published: [0; 2],
        };
        catalog.publish();
        catalog
    }

    /// A token above all others.
    pub const fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    /// The move of this plan, unless it was forgotten.
    pub fn find(&mut self, plan: Plan) -> Option<&mut Move> {
        [Some(&mut self.last), self.earlier.as_mut()].into_iter().flatten().find(|found| found.plan == plan)
    }

    /// Whether a move is of this token: nobody else was given it since.
    pub fn knows(&self, token: u64) -> bool {
        [Some(self.last), self.earlier].into_iter().flatten().any(|found| found.token == token)
    }

    /// The move that goes on: a bucket is in one at a time.
    pub fn current(&self) -> Move {
        self.earlier.unwrap_or(self.last)
    }

    pub fn is_at_rest(&self) -> bool {
        self.current().step.is_end()
    }

    /// Raises the epochs of a move's buckets.
    pub fn raise(&mut self, plan: Plan, to: impl Fn(Terms) -> Epoch) {
        for (_, bucket) in plan.owners() {
            self.epochs[bucket] = Some(to(Terms { epoch: plan.epochs[bucket], token: 0 }));
        }
    }

    pub fn publish(&mut self) {
        for (whose, bucket) in [(USER, self.user), (NEIGHBOUR, SHARED)] {
            if let Some(epoch) = self.epochs[bucket] {
                self.published[whose] |= Self::bit(bucket, epoch);
            }
        }
    }

    pub const fn has_published(&self, whose: usize, bucket: usize, epoch: Epoch) -> bool {
        self.published[whose] & Self::bit(bucket, epoch) != 0
    }

    const fn bit(bucket: usize, epoch: Epoch) -> u64 {
        1 << (bucket as u64 * 16 + epoch.0)
    }

    /// What the user's next move is, if there is a number for it.
    pub fn next_plan(&self) -> Option<Plan> {
        let epochs = self.epochs.map(|epoch| epoch.unwrap_or(FIRST));
        if self.user != SHARED {
            return Some(Plan { way: Way::Home, own: self.user, epochs });
        }
        // Numbers are never used twice.
        let own = self.last.plan.own + 1;
        (own < BUCKETS).then_some(Plan { way: Way::Out, own, epochs })
    }

    pub fn plan(&mut self, plan: Plan) {
        if plan.way == Way::Out {
            self.epochs[plan.own] = Some(FIRST);
        }
        self.last = Move { plan, step: Step::Log, token: self.give() };
    }
}
