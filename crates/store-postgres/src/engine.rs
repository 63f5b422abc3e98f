//! The engine: its pools, and a tracked task for every transaction and every read.

use std::{
    any::Any,
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::FutureExt;
use store::{BoxFuture, Commit, Dialect, Engine, Error, Progress, Result, Row, Stats, Value, Work};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::{
    Location, Settings, connect,
    connect::Purpose,
    dialect, error,
    metrics::Counters,
    pool::{Pool, closed},
    progress, reading,
    settings::ms,
    statement,
    transaction::{PgTx, refused, within},
};

/// A PostgreSQL database. Dropped, it finishes what was begun.
pub struct Postgres {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    closed: AtomicBool,
}

struct Inner {
    name: String,
    settings: Settings,
    /// None of a replica: nothing that is opened as one can be written to, whatever its server has become.
    writers: Option<Pool>,
    readers: Pool,
    watcher: Pool,
    /// How far the server said it was when it was last asked.
    told: AtomicU64,
    counters: Counters,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects once, to say at the start what is wrong; further connections are made when they are needed. `name` is for logs,
    /// metrics and messages.
    ///
    /// # Errors
    /// `Unusable` where credentials, database or server settings are wrong, with what to do; `Unavailable` where the server is away.
    pub async fn open(name: &str, location: &Location, settings: &Settings) -> Result<Arc<Self>> {
        settings.validate().map_err(Error::Unusable)?;
        let inner = Inner::new(name, location, settings, Some(Pool::new(location, settings, name, Purpose::Write)));
        let mut lease = inner.readers.acquire().await?;
        within(settings.answer(), connect::check_server(lease.connection(), location)).await??;
        inner.readers.give_back(lease);
        Ok(Self::over(inner))
    }

    /// A replica, only to be read from. Connects when it is first asked: a replica that is away must not hold up a start.
    ///
    /// # Errors
    /// `Unusable` where a setting is out of bounds.
    pub fn replica(name: &str, location: &Location, settings: &Settings) -> Result<Arc<Self>> {
        settings.validate().map_err(Error::Unusable)?;
        Ok(Self::over(Inner::new(name, location, settings, None)))
    }

    fn over(inner: Inner) -> Arc<Self> {
        Arc::new(Self { inner: Arc::new(inner), tasks: TaskTracker::new(), closed: AtomicBool::new(false) })
    }

    /// Runs a task that the caller's disappearance does not end.
    fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        gone: &'static str,
    ) -> BoxFuture<'_, Result<T>> {
        Box::pin(async move {
            if self.closed.load(Ordering::Acquire) {
                return Err(closed());
            }
            let (answer, answered) = oneshot::channel();
            self.tasks.spawn(async move {
                // Whoever asked may have gone; what was written stays.
                let _ = answer.send(task.await);
            });
            // Only a runtime that shuts down ends a task early; then its connection is closed and the server rolls back, unless
            // COMMIT was on its way.
            answered.await.unwrap_or_else(|_| Err(Error::InDoubt(gone.to_owned())))
        })
    }
}

impl Engine for Postgres {
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>> {
        let inner = Arc::clone(&self.inner);
        self.run(async move { inner.write(work).await }, "the process stopped during a transaction")
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        let inner = Arc::clone(&self.inner);
        let read = self.run(async move { inner.query(sql, &params).await }, "stopping");
        // A read is never in doubt.
        Box::pin(async move {
            match read.await {
                Err(Error::InDoubt(text)) => Err(Error::Unavailable(text)),
                other => other,
            }
        })
    }

    fn progress(&self) -> BoxFuture<'_, Result<Progress>> {
        let inner = Arc::clone(&self.inner);
        self.run(async move { inner.progress().await }, "stopping")
    }

    fn name(&self) -> &str {
        &self.inner.name
    }

    fn dialect(&self) -> &'static Dialect {
        &dialect::POSTGRES
    }

    fn stats(&self) -> Stats {
        self.inner.counters.read()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        self.tasks.close();
        Box::pin(async move {
            self.tasks.wait().await;
            if let Some(writers) = &self.inner.writers {
                writers.close().await;
            }
            self.inner.readers.close().await;
            self.inner.watcher.close().await;
        })
    }
}

impl Inner {
    fn new(name: &str, location: &Location, settings: &Settings, writers: Option<Pool>) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            writers,
            readers: Pool::new(location, settings, name, Purpose::Read),
            watcher: Pool::new(location, &progress::impatient(settings), name, Purpose::Watch),
            told: AtomicU64::new(0),
            counters: Counters::new(name),
        }
    }

    async fn progress(&self) -> Result<Progress> {
        let told = progress::ask(&self.watcher).await?;
        self.told.store(told.log, Ordering::Release);
        Ok(told)
    }

    async fn write(&self, work: Work) -> Result<Commit> {
        let Some(writers) = &self.writers else {
            return Err(Error::Fault(format!("{} is a replica: it is only read from", self.name)));
        };
        let lease = writers.acquire().await?;
        let mut tx = PgTx::new(writers, lease, self.settings.answer());
        let outcome = AssertUnwindSafe(async { work(&mut tx).await }).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|panic| Err(Error::Fault(format!("work panicked: {}", message(&*panic)))));
        let ended = tx.end(outcome, ms(self.settings.commit_ms)).await;
        if ended.changed {
            self.counters.committed();
        }
        if let Err(Error::InDoubt(text)) = &ended.outcome {
            self.counters.in_doubt();
            tracing::error!(store.name = self.name, error.detail = text, "a commit is in doubt");
        }
        ended.outcome
    }

    async fn query(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>> {
        if !reading::only_reads(sql) {
            return Err(refused());
        }
        let mut lease = self.readers.acquire().await?;
        loop {
            if self.writers.is_none() && !lease.reused {
                progress::require(&mut lease, self.told.load(Ordering::Acquire)).await?;
            }
            let reply = within(self.settings.answer(), statement::run(lease.connection(), sql, params)).await?;
            match reply {
                Ok(reply) => {
                    self.readers.give_back(lease);
                    return statement::rows(&reply.rows);
                }
                Err(cause) if error::is_read_only(&cause) => {
                    // These connections are read-only by their own setting: the statement writes in a way its words do not show.
                    self.readers.give_back(lease);
                    return Err(refused());
                }
                Err(cause) if error::evicts(&cause) && lease.reused => self.readers.renew(&mut lease).await?,
                Err(cause) => {
                    if error::evicts(&cause) {
                        self.readers.evict(lease);
                    } else {
                        self.readers.give_back(lease);
                    }
                    return Err(error::statement(&cause));
                }
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}
