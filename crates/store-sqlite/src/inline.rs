//! A database in memory that is called without threads: when a call returns, it is done. The writer, its transactions and its errors are
//! those of the engine, so that a simulation runs on what is shipped and decides itself what happens when.

use std::sync::Arc;

use crossbeam_channel::bounded;
use rusqlite::Connection;
use store::{Commit, Dialect, Error, Result, Row, Stats, Value, Work};
use tokio::sync::oneshot;

use crate::{
    dialect,
    engine::Counters,
    session::Session,
    writer::{WriteJob, Writer},
};

/// A database in memory.
pub struct Inline {
    writer: Writer,
    counters: Arc<Counters>,
}

impl Inline {
    /// An empty one; the name is for metrics.
    ///
    /// # Errors
    /// `Unusable` where there is no memory.
    pub fn open(name: &str) -> Result<Self> {
        let opened = Connection::open_in_memory().and_then(|connection| {
            connection.set_prepared_statement_cache_capacity(512);
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            Ok(connection)
        });
        let connection = opened.map_err(|error| Error::Unusable(error.to_string()))?;
        let counters = Arc::new(Counters::new(name));
        let writer = Writer::new(Session::new(connection), Arc::clone(&counters), 1, false);
        Ok(Self { writer, counters })
    }

    /// Runs work in one transaction.
    ///
    /// # Errors
    /// Those of an engine's `write`.
    pub fn write(&mut self, work: Work) -> Result<Commit> {
        let (answer, mut answered) = oneshot::channel();
        let (jobs, queue) = bounded(1);
        let _ = jobs.send(WriteJob { work, answer });
        drop(jobs);
        self.writer.run(&queue);
        answered.try_recv().unwrap_or_else(|_| Err(Error::InDoubt("the writer gave no answer".to_owned())))
    }

    /// Runs one reading statement on what is committed.
    ///
    /// # Errors
    /// Those of an engine's `query`.
    pub fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        self.counters.has_read();
        self.writer.session().query(sql, params)
    }

    /// Counters since it was opened.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// SQLite's words.
    pub fn dialect() -> &'static Dialect {
        &dialect::SQLITE
    }
}
