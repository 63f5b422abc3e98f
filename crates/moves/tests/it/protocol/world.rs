//! The state of the world: the catalog, two shards, and the holders of the move's lease, those that were thought dead among them.

use model::Epoch;
use moves::{Found, Side, Step, Terms};
use store::tables::bucket_owner::State;

/// How many keys the bucket has: one that has a row from the start, one that has not.
pub const KEYS: usize = 2;

/// The version of each key's row; 0 is no row. A deletion is a version like any other: what is copied is how the row now is.
pub type Rows = [u8; KEYS];

/// Log entries by key and the version written, which make them unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Log(u16);

impl Log {
    const fn bit(key: usize, version: u8) -> u16 {
        1 << (key * 8 + version as usize)
    }

    pub const fn add(&mut self, key: usize, version: u8) {
        self.0 |= Self::bit(key, version);
    }

    pub const fn names(self, key: usize) -> bool {
        self.0 >> (key * 8) & 0xff != 0
    }

    pub const fn remove(&mut self, entries: Self) {
        self.0 &= !entries.0;
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One shard, as far as the bucket goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shard {
    pub owner: Option<Found>,
    pub rows: Rows,
    pub log: Log,
}

impl Shard {
    pub fn takes_writes(&self) -> bool {
        self.owner.is_some_and(|row| row.state.takes_writes())
    }
}

/// What a move is told when it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    pub source: usize,
    pub epoch: Epoch,
    /// Whether the target's old rows are the base, so that only the log is applied: the move takes another one back.
    pub base: bool,
}

impl Plan {
    pub const fn shard(self, side: Side) -> usize {
        match side {
            Side::Source => self.source,
            Side::Target => 1 - self.source,
        }
    }
}

/// The catalog: one transaction sees and changes all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Catalog {
    pub owner: usize,
    pub epoch: Epoch,
    pub plan: Plan,
    pub step: Step,
    /// The token of the move: its rightful holder's, where there is one.
    pub token: u64,
    /// A move that is still at `Clean` while the one above has begun, and its token: only where that is sabotaged.
    pub older: Option<(Plan, u64)>,
    /// The highest token ever given.
    given: u64,
    /// Every map ever published, as (shard, epoch): a service somewhere may still go by any of them.
    published: u16,
}

impl Catalog {
    /// A token above all others.
    pub const fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    /// Whether nobody else was given the move since.
    pub fn knows(&self, holder: &Holder) -> bool {
        holder.token == self.token || self.older.is_some_and(|(_, token)| token == holder.token)
    }

    pub const fn name_owner(&mut self, shard: usize, epoch: Epoch) {
        (self.owner, self.epoch) = (shard, epoch);
        self.published |= Self::bit(shard, epoch);
    }

    pub const fn has_published(&self, shard: usize, epoch: Epoch) -> bool {
        self.published & Self::bit(shard, epoch) != 0
    }

    const fn bit(shard: usize, epoch: Epoch) -> u16 {
        1 << (shard as u64 * 8 + epoch.0)
    }
}

/// The next transaction of a holder, with what it remembers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Todo {
    TakeOver(Side),
    Judge(Side),
    /// Reads the owner row of a side that is to be emptied.
    Look(Side),
    /// Deletes rows, if the owner row is still this one.
    Purge(Side, Found),
    /// Deletes what the target has, before the copy.
    MakeRoom,
    ReadRows,
    WriteRows(Rows),
    ReadLog,
    ReadLogged(Log),
    Upsert(Log, Rows),
    DeleteLog(Log),
    /// In the catalog: the step is done.
    Record,
}

/// Who holds the lease, or believes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    pub token: u64,
    pub plan: Plan,
    pub step: Step,
    pub todo: Todo,
}

impl Holder {
    pub const fn terms(&self) -> Terms {
        Terms { epoch: self.plan.epoch, token: self.token }
    }
}

/// What must never happen and is seen where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The holder of the highest token may not go on.
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
    pub reverts: u8,
    pub further_moves: u8,
}

/// A write between its look at the owner row and its commit: only where the lock is sabotaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inside {
    pub shard: usize,
    pub key: usize,
    pub saw: Found,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    pub catalog: Catalog,
    pub shards: [Shard; 2],
    /// In the order of their tokens.
    pub holders: [Option<Holder>; 2],
    pub inside: Option<Inside>,
    /// The highest version acknowledged, by key.
    pub acknowledged: Rows,
    pub left: Limits,
    pub fault: Option<Fault>,
}

impl World {
    /// Shard 0 owns the bucket, and a move to shard 1 is planned.
    pub fn new(limits: Limits) -> Self {
        let epoch = Epoch(1);
        let plan = Plan { source: 0, epoch, base: false };
        let mut catalog =
            Catalog { owner: 0, epoch, plan, step: Step::Import, token: 0, older: None, given: 0, published: 0 };
        catalog.name_owner(0, epoch);
        let owner = Some(Found { epoch, state: State::Owned, token: None });
        let rows = [1, 0];
        Self {
            catalog,
            shards: [Shard { owner, rows, log: Log::default() }, Shard::default()],
            holders: [None; 2],
            inside: None,
            acknowledged: rows,
            left: limits,
            fault: None,
        }
    }

    /// Where the rightful holder stands, if anybody holds the lease.
    pub fn rightful(&self) -> Option<usize> {
        self.standing(self.catalog.token)
    }

    /// Where the holder with this token stands.
    pub fn standing(&self, token: u64) -> Option<usize> {
        self.holders.iter().position(|holder| holder.is_some_and(|holder| holder.token == token))
    }

    /// The owner row that a service with some map, however old, may write under.
    pub fn open(&self, shard: usize) -> Option<Found> {
        let row = self.shards[shard].owner?;
        (row.state.takes_writes() && self.catalog.has_published(shard, row.epoch)).then_some(row)
    }

    /// A write's transaction. It is acknowledged at once: one whose answer is lost asks for less than this.
    pub fn write(&mut self, shard: usize, key: usize, logs: bool) {
        let at = &mut self.shards[shard];
        at.rows[key] += 1;
        let version = at.rows[key];
        if logs {
            at.log.add(key, version);
        }
        if version <= self.acknowledged[key] {
            self.fault = Some(Fault::VersionRepeated);
        }
        self.acknowledged[key] = version.max(self.acknowledged[key]);
        self.left.writes -= 1;
    }

    /// Brings what is the same into one form, for fewer states.
    pub fn normalise(&mut self) {
        for holder in &mut self.holders {
            // Whose token was passed by, the catalog refuses for ever.
            if holder.is_some_and(|holder| holder.todo == Todo::Record && !self.catalog.knows(&holder)) {
                *holder = None;
            }
        }
        self.holders.sort_by_key(|holder| holder.map(|holder| holder.token));
    }
}
