//! The catalog's rows of moves. A holder changes a row only while the row has its token.

use std::collections::BTreeSet;

use model::{Bucket, Epoch, UserId};
use moves::Step;
use store::{Engine, Query, Row, Transaction, Value, transact};
use topology::Topology;

use crate::error::Result;

/// What a move is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Whole buckets go from the source to the target.
    Buckets,
    /// A user leaves the bucket that its id says for one of its own, on the same shard; after that its bucket goes to the target.
    Isolate {
        /// Who.
        user: UserId,
        /// The bucket of its own, which nobody is led to before the commit.
        own: Bucket,
    },
    /// A user goes back to the bucket that its id says, from one of its own that is on the same shard.
    Return {
        /// Who.
        user: UserId,
    },
    /// A user's finished pictures are copied to partitions. The buckets: the user's own first, then the partitions.
    Partition {
        /// Whose.
        user: UserId,
    },
    /// Partitions that nobody is led to any more are emptied: those that were on the source.
    Unpartition {
        /// Whose they were.
        user: UserId,
    },
}

impl Work {
    /// The word for it in the catalog and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::Isolate { .. } => "isolate",
            Self::Return { .. } => "return",
            Self::Partition { .. } => "partition",
            Self::Unpartition { .. } => "unpartition",
        }
    }

    /// The user it is about.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::Buckets => None,
            Self::Isolate { user, .. }
            | Self::Return { user }
            | Self::Partition { user }
            | Self::Unpartition { user } => Some(user),
        }
    }

    /// The number of the bucket of its own that a user gets.
    const fn own(self) -> Option<Bucket> {
        match self {
            Self::Isolate { own, .. } => Some(own),
            Self::Buckets | Self::Return { .. } | Self::Partition { .. } | Self::Unpartition { .. } => None,
        }
    }

    fn read(word: &str, user: u64, own: u32) -> Option<Self> {
        match word {
            "buckets" => Some(Self::Buckets),
            "isolate" => Some(Self::Isolate { user: UserId::new(user)?, own: Bucket(own) }),
            "return" => Some(Self::Return { user: UserId::new(user)? }),
            "partition" => Some(Self::Partition { user: UserId::new(user)? }),
            "unpartition" => Some(Self::Unpartition { user: UserId::new(user)? }),
            _ => None,
        }
    }
}

/// A move as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// From 1.
    pub id: u64,
    /// What it is a part of.
    pub operation: String,
    /// What it is about.
    pub work: Work,
    /// The shard that owns the buckets when it begins.
    pub source: u32,
    /// The shard that owns them when it ends.
    pub target: u32,
    /// The buckets, each with the epoch in which the source owns it.
    pub buckets: Vec<(Bucket, Epoch)>,
    /// Whether the target's old rows are the base: nothing is copied, only the source's log is applied.
    pub on_base: bool,
    /// What is to be done next.
    pub step: Step,
    /// Held by an operator.
    pub paused: bool,
    /// The holder's token; 0 where there has been none.
    pub token: u64,
    /// How often it was put off after a failure.
    pub attempts: u32,
    /// Rows to copy, counted when it began.
    pub rows_total: u64,
    /// Rows copied.
    pub rows_copied: u64,
    /// How long writes waited.
    pub pause_us: u64,
    /// Why it does not go on, or was undone.
    pub error: String,
    /// When it was planned.
    pub started_at_ms: i64,
    /// When the step was last recorded.
    pub changed_at_ms: i64,
}

impl Move {
    /// One that nobody has begun.
    pub fn planned(operation: String, source: u32, target: u32, buckets: Vec<(Bucket, Epoch)>, now_ms: i64) -> Self {
        Self {
            id: 0,
            operation,
            work: Work::Buckets,
            source,
            target,
            buckets,
            on_base: false,
            step: Step::Import,
            paused: false,
            token: 0,
            attempts: 0,
            rows_total: 0,
            rows_copied: 0,
            pause_us: 0,
            error: String::new(),
            started_at_ms: now_ms,
            changed_at_ms: now_ms,
        }
    }

    /// One about a user that nobody has begun.
    pub fn of_user(
        operation: String,
        work: Work,
        source: u32,
        target: u32,
        buckets: Vec<(Bucket, Epoch)>,
        now_ms: i64,
    ) -> Self {
        Self { work, step: Step::Log, ..Self::planned(operation, source, target, buckets, now_ms) }
    }

    /// What was recorded beside the step.
    pub const fn figures(&self) -> Figures {
        Figures { rows_total: self.rows_total, rows_copied: self.rows_copied, pause_us: self.pause_us }
    }

    /// Those of its buckets that are its source's when it begins: the others it makes.
    pub fn of_source(&self) -> &[(Bucket, Epoch)] {
        match self.work {
            Work::Buckets | Work::Isolate { .. } | Work::Return { .. } => &self.buckets,
            Work::Partition { .. } => &self.buckets[..self.buckets.len().min(1)],
            // It begins after its commit.
            Work::Unpartition { .. } => &[],
        }
    }

    /// Whether its buckets are where they are to be when it begins.
    pub fn is_at_source(&self, topology: &Topology) -> bool {
        self.of_source().iter().all(|(bucket, epoch)| {
            topology.place_of(*bucket).is_some_and(|place| (place.shard.0, place.epoch) == (self.source, *epoch))
        })
    }

    /// The buckets that no other move may have a hand on meanwhile.
    pub fn touched(&self) -> impl Iterator<Item = Bucket> {
        // Once the user is in it, its own bucket may go on.
        let own = self.work.own().filter(|_| self.step < Step::Grace || self.step == Step::Back);
        self.buckets.iter().map(|(bucket, _)| *bucket).chain(own)
    }

    /// A bucket that is among these, if it touches one of them.
    pub fn one_of(&self, buckets: &BTreeSet<Bucket>) -> Option<Bucket> {
        self.touched().find(|bucket| buckets.contains(bucket))
    }
}

/// The buckets of some moves.
pub fn buckets_of<'m>(moves: impl IntoIterator<Item = &'m Move>) -> BTreeSet<Bucket> {
    moves.into_iter().flat_map(Move::touched).collect()
}

macro_rules! columns {
    () => {
        "id, operation, source, target, buckets, on_base, step, paused, token, attempts, rows_total, rows_copied, pause_us, \
         error, started_at, changed_at, work, user_id, own"
    };
}

/// Above every token there is, and above the row's own, which another transaction may have raised since this statement began.
macro_rules! next_token {
    () => {
        "CASE WHEN token >= (SELECT max(token) FROM move) THEN token + 1 ELSE (SELECT max(token) + 1 FROM move) END"
    };
}

/// Steps of moves that are not over, in words that an index helps with.
macro_rules! is_open {
    () => {
        "step IN ('import', 'log', 'copy', 'catch-up', 'verify', 'fence', 'drain', 'commit', 'activate', 'grace', 'clean', 'back')"
    };
}

/// Moves that nobody holds and that can go on. `$1` now, `$2` the end of the grace time.
macro_rules! is_free {
    () => {
        concat!(
            is_open!(),
            " AND lease_until < $1 AND (paused = 0 OR step = 'back') AND (step <> 'grace' OR changed_at <= $2)"
        )
    };
}

const OPEN: &str = concat!("SELECT ", columns!(), " FROM move WHERE ", is_open!(), " ORDER BY id");

/// Moves that are not over, in the order of their planning.
pub async fn open<Q: Query + ?Sized>(q: &mut Q) -> store::Result<Vec<Move>> {
    q.query(OPEN, &[]).await?.iter().map(row).collect()
}

/// The same, outside of a transaction.
pub async fn open_now(engine: &dyn Engine) -> Result<Vec<Move>> {
    Ok(read(&engine.query(OPEN, Vec::new()).await?)?)
}

/// Moves that are over, the last first.
pub async fn ended(engine: &dyn Engine, limit: u32) -> Result<Vec<Move>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM move WHERE step IN ('done', 'undone', 'reverted') ORDER BY id DESC LIMIT $1"
    );
    Ok(read(&engine.query(sql, vec![limit.into()]).await?)?)
}

/// All moves of an operation.
pub async fn of_operation(engine: &dyn Engine, operation: &str) -> Result<Vec<Move>> {
    let sql = concat!("SELECT ", columns!(), " FROM move WHERE operation = $1 ORDER BY id");
    Ok(read(&engine.query(sql, vec![operation.into()]).await?)?)
}

/// One move.
pub async fn get(engine: &dyn Engine, id: u64) -> Result<Option<Move>> {
    let sql = concat!("SELECT ", columns!(), " FROM move WHERE id = $1");
    Ok(read(&engine.query(sql, vec![id.into()]).await?)?.into_iter().next())
}

/// Writes a new move; `id` and `token` are the next ones, whatever the row says.
pub async fn insert(tx: &mut dyn Transaction, new: &Move) -> store::Result<()> {
    let buckets: Vec<(u32, u64)> = new.buckets.iter().map(|(bucket, epoch)| (bucket.0, epoch.0)).collect();
    let buckets = serde_json::to_string(&buckets).map_err(|error| store::Error::Fault(error.to_string()))?;
    let user = new.work.user().map_or(0, UserId::get);
    let own = new.work.own().map_or(0, |own| own.0);
    let values: [Value; 12] = [
        (&new.operation).into(),
        new.source.into(),
        new.target.into(),
        buckets.into(),
        i64::from(new.on_base).into(),
        new.step.as_str().into(),
        i64::from(new.paused).into(),
        new.attempts.into(),
        new.started_at_ms.into(),
        new.work.as_str().into(),
        user.into(),
        own.into(),
    ];
    tx.execute(INSERT, &values).await.map(drop)
}

const INSERT: &str =
    "INSERT INTO move (id, operation, source, target, buckets, on_base, step, paused, holder, token, lease_until, \
        attempts, rows_total, rows_copied, pause_us, error, started_at, changed_at, work, user_id, own)
    SELECT (SELECT coalesce(max(id), 0) + 1 FROM move), $1, $2, $3, $4, $5, $6, $7, '', \
        (SELECT coalesce(max(token), 0) + 1 FROM move), 0, $8, 0, 0, 0, '', $9, $9, $10, $11, $12";

/// Takes the lease of a move that nobody holds and that can go on: the one that is furthest, so that what was begun ends first. It
/// has a token of its own from then on.
pub async fn claim(
    engine: &dyn Engine,
    holder: String,
    now_ms: i64,
    lease_ms: i64,
    grace_ms: i64,
) -> Result<Option<Move>> {
    let (claimed, _) = transact(engine, move |tx| {
        Box::pin(async move {
            let values = [now_ms.into(), (now_ms - grace_ms).into(), holder.into(), (now_ms + lease_ms).into()];
            let claimed = tx.returning(CLAIM, &values).await?;
            claimed.first().map(row).transpose()
        })
    })
    .await?;
    Ok(claimed)
}

const CLAIM: &str = concat!(
    "UPDATE move SET holder = $3, lease_until = $4, token = ",
    next_token!(),
    " WHERE lease_until < $1 AND id = (SELECT id FROM move WHERE ",
    is_free!(),
    " ORDER BY CASE WHEN step IN ('import', 'log', 'grace', 'clean') THEN 1 ELSE 0 END, id LIMIT 1) RETURNING ",
    columns!()
);

/// Whether there is a move that can be claimed.
pub async fn any_free(engine: &dyn Engine, now_ms: i64, grace_ms: i64) -> Result<bool> {
    let sql = concat!("SELECT 1 FROM move WHERE ", is_free!(), " LIMIT 1");
    Ok(!engine.query(sql, vec![now_ms.into(), (now_ms - grace_ms).into()]).await?.is_empty())
}

/// Keeps the lease. False: the move is another holder's.
pub async fn renew(engine: &dyn Engine, id: u64, token: u64, until_ms: i64) -> Result<bool> {
    let sql = "UPDATE move SET lease_until = $3 WHERE id = $1 AND token = $2";
    changed(engine, sql, vec![id.into(), token.into(), until_ms.into()]).await
}

/// Gives the lease back until a time, with the reason why it did not go on. To wait for another move is no failure.
pub async fn put_off(
    engine: &dyn Engine,
    id: u64,
    token: u64,
    until_ms: i64,
    failed: bool,
    reason: String,
) -> Result<bool> {
    let sql = "UPDATE move SET lease_until = $3, holder = '', attempts = attempts + $4, error = $5 WHERE id = $1 AND token = $2";
    let values = vec![id.into(), token.into(), until_ms.into(), i64::from(failed).into(), reason.into()];
    changed(engine, sql, values).await
}

/// What a holder records beside the step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Rows to copy.
    pub rows_total: u64,
    /// Rows copied.
    pub rows_copied: u64,
    /// How long writes waited.
    pub pause_us: u64,
}

/// Records figures within a step.
pub async fn note(engine: &dyn Engine, id: u64, token: u64, figures: Figures) -> Result<bool> {
    let sql = "UPDATE move SET rows_total = $3, rows_copied = $4, pause_us = $5 WHERE id = $1 AND token = $2";
    let values =
        vec![id.into(), token.into(), figures.rows_total.into(), figures.rows_copied.into(), figures.pause_us.into()];
    changed(engine, sql, values).await
}

/// Records that a step was done: the next one is to be done. False: the move is another holder's, or somewhere else.
pub async fn advance(engine: &dyn Engine, id: u64, token: u64, from: Step, to: Step, now_ms: i64) -> Result<bool> {
    let (done, _) = transact(engine, move |tx| Box::pin(advance_in(tx, id, token, from, to, now_ms))).await?;
    Ok(done)
}

/// The same within a transaction. In its grace time and at its end a move needs no holder.
pub async fn advance_in(
    tx: &mut dyn Transaction,
    id: u64,
    token: u64,
    from: Step,
    to: Step,
    now_ms: i64,
) -> store::Result<bool> {
    // Why a move went back stays to be read at its end.
    let released = to == Step::Grace || to.is_end();
    let sql = if released {
        "UPDATE move SET step = $4, changed_at = $5, lease_until = 0, holder = '' WHERE id = $1 AND token = $2 AND step = $3"
    } else {
        "UPDATE move SET step = $4, changed_at = $5, attempts = 0, error = '' WHERE id = $1 AND token = $2 AND step = $3"
    };
    let values = [id.into(), token.into(), from.as_str().into(), to.as_str().into(), now_ms.into()];
    Ok(tx.execute(sql, &values).await? == 1)
}

/// Sends a move that is at `from` to another step, whoever holds it: its holder finds out by the token.
pub async fn divert(
    tx: &mut dyn Transaction,
    id: u64,
    from: Step,
    to: Step,
    error: String,
    now_ms: i64,
) -> store::Result<bool> {
    let sql = concat!(
        "UPDATE move SET step = $3, error = $4, changed_at = $5, lease_until = 0, holder = '', attempts = 0, token = ",
        next_token!(),
        " WHERE id = $1 AND step = $2"
    );
    let values = [id.into(), from.as_str().into(), to.as_str().into(), error.into(), now_ms.into()];
    Ok(tx.execute(sql, &values).await? == 1)
}

/// Sends a move back that is not committed, whoever holds it and whatever its step; one that cannot have begun is over at once. False: it
/// is committed, or over.
pub async fn turn_back(
    tx: &mut dyn Transaction,
    id: u64,
    may_have_begun: bool,
    reason: String,
    now_ms: i64,
) -> store::Result<bool> {
    let sql = concat!(
        "UPDATE move SET step = $4, error = $2, changed_at = $3, lease_until = 0, holder = '', attempts = 0, token = ",
        next_token!(),
        " WHERE id = $1 AND step IN ('import', 'log', 'copy', 'catch-up', 'verify', 'fence', 'drain', 'commit')"
    );
    let to = if may_have_begun { Step::Back } else { Step::Undone };
    Ok(tx.execute(sql, &[id.into(), reason.into(), now_ms.into(), to.as_str().into()]).await? == 1)
}

/// Holds a move, or lets it go on.
pub async fn set_paused(engine: &dyn Engine, id: u64, paused: bool) -> Result<bool> {
    let sql =
        "UPDATE move SET paused = $2 WHERE id = $1 AND paused <> $2 AND step NOT IN ('done', 'undone', 'reverted')";
    changed(engine, sql, vec![id.into(), i64::from(paused).into()]).await
}

/// Forgets moves that ended long ago.
pub async fn forget(tx: &mut dyn Transaction, keep: u32) -> store::Result<()> {
    // The highest token stays known: the next one is above it.
    let sql = "DELETE FROM move WHERE step IN ('done', 'undone', 'reverted') AND id <= (SELECT max(id) FROM move) - $1
        AND token < (SELECT max(token) FROM move)";
    tx.execute(sql, &[keep.into()]).await.map(drop)
}

async fn changed(engine: &dyn Engine, sql: &'static str, values: Vec<Value>) -> Result<bool> {
    let work = transact(engine, move |tx| Box::pin(async move { Ok(tx.execute(sql, &values).await? > 0) }));
    Ok(work.await?.0)
}

fn read(rows: &[Row]) -> store::Result<Vec<Move>> {
    rows.iter().map(row).collect()
}

fn row(row: &Row) -> store::Result<Move> {
    let corrupt = |column: &str| store::Error::Corrupt(format!("move.{column}"));
    let buckets: Vec<(u32, u64)> = serde_json::from_str(row.str(4)?).map_err(|_| corrupt("buckets"))?;
    Ok(Move {
        id: row.u64(0)?,
        operation: row.text(1)?,
        work: Work::read(row.str(16)?, row.u64(17)?, row.u32(18)?).ok_or_else(|| corrupt("work"))?,
        source: row.u32(2)?,
        target: row.u32(3)?,
        buckets: buckets.into_iter().map(|(bucket, epoch)| (Bucket(bucket), Epoch(epoch))).collect(),
        on_base: row.int(5)? == 1,
        step: Step::parse(row.str(6)?).ok_or_else(|| corrupt("step"))?,
        paused: row.int(7)? == 1,
        token: row.u64(8)?,
        attempts: row.u32(9)?,
        rows_total: row.u64(10)?,
        rows_copied: row.u64(11)?,
        pause_us: row.u64(12)?,
        error: row.text(13)?,
        started_at_ms: row.int(14)?,
        changed_at_ms: row.int(15)?,
    })
}
