//! A process's connection to a simulated database. It passes the suite that every engine passes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use store::{BoxFuture, Commit, Dialect, Engine, Error, Result, Row, Stats, Value, Work};
use store_sqlite::Inline;
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

use super::database::Database;
use super::dice::Dice;
use super::print::Print;
use super::process::Process;
use super::watched::watched;
use super::weather::Fate;

pub struct SimEngine {
    database: Arc<Database>,
    process: Arc<Process>,
    dice: Mutex<Dice>,
    calls: AtomicU64,
    closed: AtomicBool,
}

impl SimEngine {
    pub fn connect(database: Arc<Database>, process: Arc<Process>, seed: u64) -> Arc<Self> {
        let dice = Mutex::new(Dice::new(seed, &format!("{} to {}", process.name, database.name)));
        Arc::new(Self { database, process, dice, calls: AtomicU64::new(0), closed: AtomicBool::new(false) })
    }

    /// Sends a call and waits for its answer. From the first poll on it is done whether or not anybody waits.
    async fn call<T: Send + 'static>(
        &self,
        writes: bool,
        job: impl FnOnce(&mut Inline, &Arc<Mutex<Print>>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the database is closed".to_owned()));
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let (database, name) = (Arc::clone(&self.database), self.process.name.clone());
        let kind = if writes { "writes" } else { "reads" };
        let ((arrival, fate), back) = {
            let mut dice = self.dice.lock().unwrap();
            (self.database.meet(&mut dice, writes), dice.us(0, 1_500))
        };
        self.process.send(Box::new(move || {
            let sent_to = Arc::clone(&database);
            let from = name.clone();
            sent_to.send(
                arrival,
                from,
                number,
                Box::new(move |inline| {
                    let print = Arc::default();
                    let done = match fate {
                        Fate::Done | Fate::Unheard => Some(job(inline, &print)),
                        Fate::Refused | Fate::Away | Fate::Lost => None,
                    };
                    let outcome = done.as_ref().map(|done| done.as_ref().err().map(word));
                    let print = print.lock().unwrap();
                    database.journal.note(&database.name, format_args!("{name} {kind} {print} {fate:?} {outcome:?}"));
                    let _ = answer.send(told(fate, done));
                }),
            );
        }));
        let told = answered.await.unwrap_or_else(|_| Err(Error::InDoubt("the server went away".to_owned())));
        sleep(back).await;
        self.process.hear().await;
        told
    }
}

/// What the caller hears.
fn told<T>(fate: Fate, done: Option<Result<T>>) -> Result<T> {
    match (fate, done) {
        (Fate::Refused, _) => Err(Error::Busy),
        (Fate::Away, _) => Err(Error::Unavailable("the server is away".to_owned())),
        (Fate::Done, Some(done)) => done,
        // What the work itself refused was rolled back before the connection broke; the caller cannot know that either.
        _ => Err(Error::InDoubt("the connection broke".to_owned())),
    }
}

/// The kind of an error, without what differs from run to run.
fn word(error: &Error) -> &'static str {
    match error {
        Error::Refused(_) => "refused",
        Error::Moved { .. } => "moved",
        Error::Unique(_) => "unique",
        Error::Busy => "busy",
        Error::Unavailable(_) => "unavailable",
        Error::InDoubt(_) => "in doubt",
        Error::Fault(_) => "fault",
        _ => "other",
    }
}

impl Engine for SimEngine {
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>> {
        let sabotage = self.database.sabotage.clone();
        Box::pin(self.call(true, move |inline, print| inline.write(watched(work, Arc::clone(print), sabotage))))
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(self.call(false, move |inline, print| {
            let rows = inline.query(sql, &params);
            print.lock().unwrap().statement(sql, &params, rows.as_ref().map_or(0, Vec::len) as u64);
            rows
        }))
    }

    fn name(&self) -> &str {
        &self.database.name
    }

    fn dialect(&self) -> &'static Dialect {
        Inline::dialect()
    }

    fn stats(&self) -> Stats {
        self.database.directly(|inline| inline.stats())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::Relaxed);
        Box::pin(async move {
            while !self.database.is_idle() {
                sleep(Duration::from_millis(1)).await;
            }
        })
    }
}
