//! The state of the world: the catalog, the buckets of one shard, and the holders of moves, those that were thought dead among them.

use model::Epoch;
use moves::{Found, Step, Terms};
use store::tables::bucket_owner::State;

use super::catalog::{BUCKETS, Catalog, FIRST, Move, Plan, SHARED, Way};
use super::driver::first_of_all;
use super::twin::Twin;

/// The version of the user's row and of its neighbour's; 0 is no row. A deletion is a version like any other.
pub type Rows = [u8; 2];

/// One bucket of the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bucket {
    pub owner: Option<Found>,
    pub rows: Rows,
}

/// The next transaction of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Puts its token into the owner row of the move's first or second bucket.
    TakeOver(usize),
    /// Does to all owner rows what the rules say of a step.
    Change(Step),
    /// The user's row, to where the user will be.
    Copy,
    /// Deletes it where it is no longer looked for.
    Delete,
    /// In the catalog: the user is led to the other bucket.
    Commit,
    /// In the catalog: the step is done.
    Record,
}

/// Who holds a move, or believes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    pub token: u64,
    pub plan: Plan,
    pub step: Step,
    pub todo: Todo,
}

impl Holder {
    pub const fn terms(&self, bucket: usize) -> Terms {
        Terms { epoch: self.plan.epochs[bucket], token: self.token }
    }
}

/// What must never happen and is seen where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The holder of the move's token may not go on.
    RightfulHolderRefused,
    /// Two writes were acknowledged under one version: the second never saw the first.
    VersionRepeated,
}

/// How often what may happen at any time still happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    pub writes: u8,
    pub takeovers: u8,
    pub cancels: u8,
    pub further_moves: u8,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    pub catalog: Catalog,
    pub buckets: [Bucket; BUCKETS],
    /// In the order of their tokens.
    pub holders: [Option<Holder>; 2],
    /// The highest version acknowledged, of the user's row and of its neighbour's.
    pub acknowledged: Rows,
    pub left: Limits,
    pub fault: Option<Fault>,
}

impl World {
    /// A move the way `way` is planned. For the way home the user was given bucket 1 before.
    pub fn new(way: Way, limits: Limits) -> Self {
        let owned = |epoch| Some(Found { epoch, state: State::Owned, token: None });
        let mut catalog = Catalog::new();
        let acknowledged = [1, 1];
        let mut buckets = [Bucket { owner: owned(FIRST), rows: acknowledged }, Bucket::default(), Bucket::default()];
        if way == Way::Home {
            let shared = Epoch(2);
            (catalog.user, catalog.epochs) = (1, [Some(shared), Some(FIRST), None]);
            catalog.publish();
            buckets[SHARED] = Bucket { owner: owned(shared), rows: [0, 1] };
            buckets[1] = Bucket { owner: owned(FIRST), rows: [1, 0] };
        }
        if let Some(plan) = catalog.next_plan() {
            catalog.plan(plan);
        }
        Self { catalog, buckets, holders: [None; 2], acknowledged, left: limits, fault: None }
    }

    /// Where the holder with this token stands.
    pub fn standing(&self, token: u64) -> Option<usize> {
        self.holders.iter().position(|holder| holder.is_some_and(|holder| holder.token == token))
    }

    /// Whether a service with some map, however old, may write such a row there.
    pub fn is_open(&self, whose: usize, bucket: usize) -> bool {
        self.buckets[bucket]
            .owner
            .is_some_and(|row| row.state.takes_writes() && self.catalog.has_published(whose, bucket, row.epoch))
    }

    /// A write's transaction. It is acknowledged at once: one whose answer is lost asks for less than this.
    pub fn write(&mut self, whose: usize, bucket: usize) {
        let row = &mut self.buckets[bucket].rows[whose];
        *row += 1;
        if *row <= self.acknowledged[whose] {
            self.fault = Some(Fault::VersionRepeated);
        }
        self.acknowledged[whose] = self.acknowledged[whose].max(*row);
        self.left.writes -= 1;
    }

    /// The move that goes on goes to whoever stands at `slot` from now on; who stood there is forgotten.
    pub fn acquire(&mut self, slot: usize, twin: Option<Twin>) {
        let Move { plan, step, .. } = self.catalog.current();
        let token = self.catalog.give();
        if let Some(found) = self.catalog.find(plan) {
            found.token = token;
        }
        self.holders[slot] = Some(Holder { token, plan, step, todo: first_of_all(step, twin) });
    }

    /// Brings what is the same into one form, for fewer states.
    pub fn normalise(&mut self) {
        for holder in &mut self.holders {
            // Whose token was passed by, the catalog refuses for ever.
            let records = |holder: &Holder| matches!(holder.todo, Todo::Record | Todo::Commit);
            if holder.is_some_and(|holder| records(&holder) && !self.catalog.knows(holder.token)) {
                *holder = None;
            }
        }
        self.holders.sort_by_key(|holder| holder.map(|holder| holder.token));
    }
}
