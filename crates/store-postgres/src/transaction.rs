//! One write transaction on one connection: begun with its first statement, ended by `end`.

use std::{future::Future, time::Duration};

use store::{BoxFuture, Commit, Error, Lock, Query, Result, Row, Transaction, Value, schema::Table};
use tokio::time::timeout;

use crate::{
    bulk, commit, dialect, error,
    pool::{Lease, Pool},
    reading,
    statement::{self, Reply},
};

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Fresh,
    /// BEGIN was answered and every statement since ended well.
    Open,
    /// A statement failed: all later ones are refused, ROLLBACK is due.
    Doomed,
    /// A statement was sent and its answer never taken, or the connection failed: only closing it helps.
    Unclear,
}

/// The handle that work writes through.
pub struct PgTx<'p> {
    pool: &'p Pool,
    lease: Lease,
    state: State,
    /// How long one answer may take.
    answer: Duration,
    changed: bool,
}

/// What became of a transaction.
pub struct Ended {
    pub outcome: Result<Commit>,
    /// Whether it was committed and had changed something.
    pub changed: bool,
}

impl<'p> PgTx<'p> {
    pub fn new(pool: &'p Pool, lease: Lease, answer: Duration) -> Self {
        Self { pool, lease, state: State::Fresh, answer, changed: false }
    }

    /// Commits what ended well, rolls back what did not, and gives the connection back if it is in order.
    pub async fn end(mut self, outcome: Result<()>, patience: Duration) -> Ended {
        let outcome = match outcome {
            Ok(()) if self.state == State::Fresh => self.begin("").await,
            Ok(()) if self.state != State::Open => {
                Err(Error::Fault("work went on after a statement had failed".to_owned()))
            }
            other => other,
        };
        if let Err(cause) = outcome {
            self.roll_back().await;
            return Ended { outcome: Err(cause), changed: false };
        }
        let Self { pool, mut lease, changed, .. } = self;
        let committed = commit::commit(lease.connection(), patience).await;
        if committed.reusable {
            pool.give_back(lease);
        } else {
            pool.evict(lease);
        }
        let changed = changed && committed.outcome.is_ok();
        Ended { outcome: committed.outcome, changed }
    }

    async fn roll_back(mut self) {
        match self.state {
            State::Fresh => return self.pool.give_back(self.lease),
            State::Unclear => return self.pool.evict(self.lease),
            State::Open | State::Doomed => {}
        }
        let mut ended = 0;
        let rolled_back = statement::script(self.lease.connection(), "ROLLBACK".to_owned(), &mut ended);
        match timeout(self.answer, rolled_back).await {
            Ok(Ok(_)) => self.pool.give_back(self.lease),
            // The server rolls back when the connection is gone.
            Ok(Err(_)) | Err(_) => self.pool.evict(self.lease),
        }
    }

    /// Begins, and runs what is to come first, in one round trip. A connection that had gone stale is replaced once: nothing
    /// has been done on it.
    async fn begin(&mut self, first: &str) -> Result<()> {
        loop {
            let sql = if first.is_empty() { dialect::BEGIN.to_owned() } else { format!("{}; {first}", dialect::BEGIN) };
            self.state = State::Unclear;
            let mut ended = 0;
            let began = timeout(self.answer, statement::script(self.lease.connection(), sql, &mut ended)).await;
            match began {
                Ok(Ok(_)) => {
                    self.state = State::Open;
                    return Ok(());
                }
                Ok(Err(cause)) if error::evicts(&cause) && self.lease.reused => {
                    self.pool.renew(&mut self.lease).await?;
                }
                Ok(Err(cause)) => {
                    self.state = if error::evicts(&cause) { State::Unclear } else { State::Doomed };
                    return Err(error::statement(&cause));
                }
                Err(_) => return Err(no_answer(self.answer)),
            }
        }
    }

    async fn run(&mut self, sql: &'static str, params: &[Value]) -> Result<Reply> {
        self.ready().await?;
        let reply = timeout(self.answer, statement::run(self.lease.connection(), sql, params)).await;
        self.settle(reply)
    }

    async fn script(&mut self, sql: String) -> Result<()> {
        if self.state == State::Fresh {
            return self.begin(&sql).await;
        }
        self.ready().await?;
        let mut ended = 0;
        let reply = timeout(self.answer, statement::script(self.lease.connection(), sql, &mut ended)).await;
        self.settle(reply).map(drop)
    }

    /// Begins if need be; refuses after a failure. Until the answer is taken in, the state is unclear: work may drop the future.
    async fn ready(&mut self) -> Result<()> {
        if self.state == State::Fresh {
            self.begin("").await?;
        }
        if self.state != State::Open {
            return Err(Error::Fault("an earlier statement of this transaction failed".to_owned()));
        }
        self.state = State::Unclear;
        Ok(())
    }

    fn settle<T>(&mut self, reply: std::result::Result<sqlx::Result<T>, tokio::time::error::Elapsed>) -> Result<T> {
        match reply {
            Ok(Ok(reply)) => {
                self.state = State::Open;
                Ok(reply)
            }
            Ok(Err(cause)) => {
                if !error::evicts(&cause) {
                    self.state = State::Doomed;
                }
                Err(error::statement(&cause))
            }
            Err(_) => Err(no_answer(self.answer)),
        }
    }

    fn rows(&mut self, reply: &Reply) -> Result<Vec<Row>> {
        statement::rows(&reply.rows).inspect_err(|_| self.state = State::Doomed)
    }
}

impl Query for PgTx<'_> {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            if !reading::only_reads(sql) {
                // As on an engine that finds out by running it.
                if self.state != State::Unclear {
                    self.state = if self.state == State::Fresh { State::Fresh } else { State::Doomed };
                }
                return Err(refused());
            }
            let reply = self.run(sql, params).await?;
            self.rows(&reply)
        })
    }
}

impl Transaction for PgTx<'_> {
    fn execute<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let reply = self.run(sql, params).await?;
            self.changed |= reply.affected > 0;
            Ok(reply.affected)
        })
    }

    fn returning<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let reply = self.run(sql, params).await?;
            self.changed |= reply.affected > 0;
            self.rows(&reply)
        })
    }

    fn lock<'a>(&'a mut self, locks: &'a [Lock]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if locks.contains(&Lock::Schema) {
                self.answer = dialect::MIGRATION + Duration::from_secs(1);
            }
            self.script(dialect::locks(locks)).await
        })
    }

    fn insert_many<'a>(&'a mut self, table: &'static Table, rows: &'a [Row]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.ready().await?;
            let reply = timeout(self.answer, bulk::insert(self.lease.connection(), table, rows)).await;
            self.changed |= self.settle(reply)? > 0;
            Ok(true)
        })
    }

    fn define<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.script(sql.to_owned()).await?;
            self.changed = true;
            Ok(())
        })
    }
}

/// A reading call was given a statement that writes.
pub fn refused() -> Error {
    Error::Fault("a reading call was given a statement that writes".to_owned())
}

/// The server kept silent. Nothing was committed: no COMMIT was sent.
pub fn no_answer(after: Duration) -> Error {
    Error::Unavailable(format!("the server did not answer within {} ms", after.as_millis()))
}

/// Runs a future to its end within a time, or says that the server was silent.
pub async fn within<T>(limit: Duration, ask: impl Future<Output = T>) -> Result<T> {
    timeout(limit, ask).await.map_err(|_| no_answer(limit))
}
