//! The engine: the threads, the queues in front of them, and the counters.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crossbeam_channel::{Sender, TrySendError, bounded};
use store::{BoxFuture, Commit, Dialect, Engine, Error, Result, Row, Stats, Value, Work};
use tokio::sync::oneshot;

use crate::{
    Options, dialect,
    open::{self, Purpose},
    readers::{self, ReadJob},
    session::Session,
    writer::{WriteJob, Writer},
};

/// A SQLite database. Dropping it finishes what was begun and closes the file.
pub struct Sqlite {
    name: String,
    queues: RwLock<Option<Queues>>,
    ended: Mutex<Option<Ended>>,
    counters: Arc<Counters>,
}

struct Queues {
    writes: Sender<WriteJob>,
    reads: Sender<ReadJob>,
}

/// One for each thread, answered when it has ended and its connection is closed.
struct Ended {
    writer: oneshot::Receiver<()>,
    readers: Vec<oneshot::Receiver<()>>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens a file, making it if it is not there, and starts its threads. Blocks for a few milliseconds.
    ///
    /// Errors: `Unusable`, with the path, the cause and what to do.
    pub fn open(options: &Options) -> Result<Arc<Self>> {
        let counters = Arc::new(Counters::new(&options.name));
        let (writes, write_jobs) = bounded(options.queue);
        let (reads, read_jobs) = bounded(options.queue);
        let session = Session::new(open::connection(options, Purpose::Write)?);
        let mut thread = Writer::new(session, Arc::clone(&counters), options.group, options.acknowledges_early());
        let writing = start(format!("{}-write", options.name), move || thread.run(&write_jobs))?;
        let mut readers = Vec::new();
        for number in 0..options.readers.max(1) {
            let session = Session::new(open::connection(options, Purpose::Read)?);
            let (jobs, counters) = (read_jobs.clone(), Arc::clone(&counters));
            let read = move || readers::run(session, &jobs, &counters);
            readers.push(start(format!("{}-read-{number}", options.name), read)?);
        }
        Ok(Arc::new(Self {
            name: options.name.clone(),
            queues: RwLock::new(Some(Queues { writes, reads })),
            ended: Mutex::new(Some(Ended { writer: writing, readers })),
            counters,
        }))
    }

    /// Puts a job into a queue without waiting.
    fn send<T>(&self, job: T, queue: impl FnOnce(&Queues) -> &Sender<T>) -> Result<()> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let Some(queues) = queues.as_ref() else {
            return Err(closed());
        };
        queue(queues).try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => closed(),
        })
    }
}

fn closed() -> Error {
    Error::Unavailable("the database is closed".to_owned())
}

fn start(name: String, run: impl FnOnce() + Send + 'static) -> Result<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    let body = move || {
        run();
        let _ = done.send(());
    };
    let thread = thread::Builder::new().name(name).spawn(body);
    thread
        .map(|_| ended)
        .map_err(|error| Error::Unusable(format!("cannot start a thread: {error}. Raise the process limit.")))
}

impl Engine for Sqlite {
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.send(WriteJob { work, answer }, |queues| &queues.writes)?;
            // From here on the job is the thread's: it runs whether or not this future lives.
            answered.await.unwrap_or_else(|_| Err(Error::InDoubt("the writer ended without an answer".to_owned())))
        })
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.send(ReadJob { sql, params, answer }, |queues| &queues.reads)?;
            answered.await.unwrap_or_else(|_| Err(Error::Unavailable("a reader ended without an answer".to_owned())))
        })
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn dialect(&self) -> &'static Dialect {
        &dialect::SQLITE
    }

    fn stats(&self) -> Stats {
        self.counters.stats()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        // Without senders the threads end once their queues are empty.
        let queues = self.queues.write().unwrap_or_else(PoisonError::into_inner).take();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let (Some(Queues { writes, reads }), Some(Ended { writer, readers })) = (queues, ended) else { return };
            // The last connection takes the log into the file. Two that close at once each see the other and neither does.
            drop(reads);
            for reader in readers {
                let _ = reader.await;
            }
            drop(writes);
            let _ = writer.await;
        })
    }
}

/// What the engine did: here for `Stats`, transactions and commits also as metrics.
pub struct Counters {
    transactions: AtomicU64,
    commits: AtomicU64,
    reads: AtomicU64,
    transactions_metric: metrics::Counter,
    commits_metric: metrics::Counter,
}

impl Counters {
    pub fn new(name: &str) -> Self {
        metrics::describe_counter!("myriad_store_transactions_total", "Transactions acknowledged as committed");
        metrics::describe_counter!("myriad_store_commits_total", "Durable commits, each one sync of the log");
        Self {
            transactions: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            transactions_metric: metrics::counter!("myriad_store_transactions_total", "store" => name.to_owned()),
            commits_metric: metrics::counter!("myriad_store_commits_total", "store" => name.to_owned()),
        }
    }

    /// Counts one commit that carried `transactions`.
    pub fn committed(&self, transactions: u64) {
        self.transactions.fetch_add(transactions, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.transactions_metric.increment(transactions);
        self.commits_metric.increment(1);
    }

    /// Counts one reading statement.
    pub fn has_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stats(&self) -> Stats {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats { transactions: now(&self.transactions), commits: now(&self.commits), reads: now(&self.reads) }
    }
}
