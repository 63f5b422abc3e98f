//! One job's transaction: a savepoint within the group's, whose futures are ready as soon as they are made.

use std::future::ready;

use store::{BoxFuture, Error, Lock, Query, Result, Row, Transaction, Value};

use crate::session::Session;

/// The handle a job writes through.
pub struct SqliteTx<'s> {
    session: &'s mut Session,
    doomed: bool,
}

impl<'s> SqliteTx<'s> {
    /// A handle on a session in whose transaction a savepoint was just set.
    pub fn new(session: &'s mut Session) -> Self {
        Self { session, doomed: false }
    }

    /// Whether a statement failed. PostgreSQL then refuses all later ones and so does this, lest code come to rely on less.
    pub const fn is_doomed(&self) -> bool {
        self.doomed
    }

    fn run<'a, T: Send + 'a>(&mut self, statement: impl FnOnce(&mut Session) -> Result<T>) -> BoxFuture<'a, Result<T>> {
        let answer = if self.doomed {
            Err(Error::Fault("an earlier statement of this transaction failed".to_owned()))
        } else {
            statement(self.session).inspect_err(|_| self.doomed = true)
        };
        Box::pin(ready(answer))
    }
}

impl Query for SqliteTx<'_> {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.run(|session| session.query(sql, params))
    }
}

impl Transaction for SqliteTx<'_> {
    fn execute<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<u64>> {
        self.run(|session| session.execute(sql, params))
    }

    fn returning<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.run(|session| session.returning(sql, params))
    }

    fn lock<'a>(&'a mut self, _: &'a [Lock]) -> BoxFuture<'a, Result<()>> {
        // There is one writer, in this process and beyond (BEGIN IMMEDIATE): it has every lock already.
        self.run(|_| Ok(()))
    }

    fn define<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        self.run(|session| session.define(sql))
    }
}
