//! The engine seam: what a database must be able to do for a shard or for the catalog.
//!
//! Two engines stand behind it, so the SQL that passes through is what they have in common: `$1` parameters, `ON CONFLICT`,
//! `RETURNING`, and the types BIGINT, TEXT and BYTEA. Laws every engine keeps (`contract` tests them):
//! - a write future that is dropped never cancels or half-does its transaction;
//! - a statement that fails dooms its transaction, whatever the work makes of the error;
//! - work awaits nothing but its transaction.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use model::{Bucket, UserId};

use crate::{Error, Result, Row, Value, schema::Table, transfer::Digest};

/// A boxed future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What can be asked.
pub trait Query: Send {
    /// Runs one reading statement. One that writes is refused with `Error::Fault`.
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>>;
}

/// Locks held to the end of a transaction. On an engine with a single writer they are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Many writers of a bucket at once.
    Shared(Bucket),
    /// Many writers of a bucket at once, and one of a user: what one reads of the user stays so until it has committed.
    User(Bucket, UserId),
    /// Changing who owns a bucket: no writer is inside.
    Exclusive(Bucket),
    /// Changing the schema.
    Schema,
}

/// An open write transaction. It sees its own changes.
pub trait Transaction: Query {
    /// Runs one writing statement: the number of rows it changed.
    fn execute<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<u64>>;

    /// Runs one writing statement with `RETURNING`: its rows.
    fn returning<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Takes locks in their order, waiting for each. Statements of their own, because a statement's snapshot is older than its own wait
    /// for a lock.
    fn lock<'a>(&'a mut self, locks: &'a [Lock]) -> BoxFuture<'a, Result<()>>;

    /// Inserts rows of which none is there, all columns in the table's order, where the engine has a way that is faster than statements.
    /// False: it has none, and nothing was done.
    fn insert_many<'a>(&'a mut self, _table: &'static Table, _rows: &'a [Row]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Runs one statement of a migration, already in the engine's dialect.
    fn define<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// What a write transaction does. It is run at most once; an error rolls back.
pub type Work = Box<dyn for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<()>> + Send>;

/// Where a committed transaction lies in its database's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit {
    /// Rises with every promotion; log positions of different role epochs cannot be compared.
    pub role_epoch: u64,
    /// Rises with every commit, also over restarts.
    pub log: u64,
}

/// Which server a database is on, and how far that server is in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Names the data that the server and all its replicas are copies of.
    pub server: u64,
    /// Whether it follows another server and takes no writes.
    pub is_replica: bool,
    /// As in [`Commit`]. A replica may say an older one than it follows, never a newer one.
    pub role_epoch: u64,
    /// Of a primary: up to here the log is durable. Of a replica: every commit up to here is seen by reads.
    pub log: u64,
}

/// Counters since the engine was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Transactions acknowledged as committed that changed something.
    pub transactions: u64,
    /// Durable commits that carried them; each costs one sync of the log.
    pub commits: u64,
    /// Reading statements, on an engine whose server does not count them itself.
    pub reads: u64,
}

/// The words in which an engine differs.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Replacements in migrations, whole words: `("BIGINT", "INTEGER")`.
    pub words: &'static [(&'static str, &'static str)],
    /// A query for the names of all tables.
    pub tables: &'static str,
    /// A query for all columns: table, column, type as declared, 1 where null is refused, place in the primary key from 1 or 0.
    pub columns: &'static str,
    /// A query for the size of the database in bytes.
    pub size: &'static str,
    /// Where a server is shared by processes: a query for how many transactions and statements outside of them it has ended, of all of them.
    pub calls: Option<&'static str>,
    /// How it hashes rows by itself, if it can.
    pub digest: Option<&'static Digest>,
    /// Where there are roles: a query for 1 if this process's may change the schema, else 0.
    pub may_migrate: Option<&'static str>,
    /// Where there are roles: a query for the rights of Myriad's roles as role, table, verb; each role also once with neither.
    pub grants: Option<&'static str>,
}

/// A database.
pub trait Engine: Send + Sync + 'static {
    /// Runs work in one durable transaction. Once polled, it runs to its end even if the future is dropped.
    ///
    /// Errors: the work's own; `Busy` where nothing was begun; `InDoubt` where the commit was not answered.
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>>;

    /// Runs one reading statement outside any transaction of its own, on what is committed.
    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Where the server is now. Waits for no read and no write, so that a busy server is not taken for a dead one.
    ///
    /// Errors: `Unusable` on an engine that has no replicas.
    fn progress(&self) -> BoxFuture<'_, Result<Progress>> {
        Box::pin(std::future::ready(Err(Error::Unusable(format!("{} cannot have replicas", self.name())))))
    }

    /// Name for logs, metrics and messages.
    fn name(&self) -> &str;

    /// Words in which this engine differs.
    fn dialect(&self) -> &'static Dialect;

    /// Counters since it was opened.
    fn stats(&self) -> Stats;

    /// Finishes what waits, then closes. Later calls answer `Unavailable`.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A database read outside of any transaction, on what is committed.
#[derive(Clone, Copy)]
pub struct Primary<'e>(pub &'e dyn Engine);

impl Query for Primary<'_> {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.0.query(sql, params.to_vec())
    }
}

/// How many transactions and statements outside of them a database has ended since some time: two of these numbers make a rate. A server
/// counts those of every process, an engine without one its own, which is all.
///
/// Errors: those of a query.
pub async fn calls(engine: &dyn Engine) -> Result<u64> {
    let Some(sql) = engine.dialect().calls else {
        let stats = engine.stats();
        return Ok(stats.transactions + stats.reads);
    };
    engine.query(sql, Vec::new()).await?.first().map_or(Ok(0), |row| row.u64(0))
}

/// Runs work that has an answer in one transaction of an engine.
///
/// For databases that know no buckets, such as the catalog. A shard's rows are written through `Shard::write`.
pub async fn transact<T: Send + 'static>(
    engine: &dyn Engine,
    work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T>> + Send + 'static,
) -> Result<(T, Commit)> {
    let slot = Arc::new(Mutex::new(None));
    let inside = Arc::clone(&slot);
    let commit = engine
        .write(Box::new(move |tx| {
            let answer = work(tx);
            Box::pin(async move {
                let answer = answer.await?;
                *inside.lock().map_err(|_| poisoned())? = Some(answer);
                Ok(())
            })
        }))
        .await?;
    let answer = slot.lock().map_err(|_| poisoned())?.take();
    answer.map(|answer| (answer, commit)).ok_or_else(poisoned)
}

fn poisoned() -> Error {
    Error::Fault("a transaction was committed without its answer".to_owned())
}
