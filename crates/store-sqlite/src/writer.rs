//! The writer thread: groups of jobs, one durable commit for each group.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use futures::FutureExt;
use store::{Commit, Error, Result, Work};
use tokio::sync::oneshot;

use crate::{engine::Counters, error, position::Position, session::Session, transaction::SqliteTx};

/// The longest a group waits for more jobs, however slow the disk.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// Work, and whom to answer.
pub struct WriteJob {
    pub work: Work,
    pub answer: oneshot::Sender<Result<Commit>>,
}

/// A job that was run within the open group.
struct Ran {
    answer: oneshot::Sender<Result<Commit>>,
    outcome: Result<()>,
    /// Whether it changed anything; a group in which nobody did costs no sync.
    changed: bool,
}

/// What the thread owns.
pub struct Writer {
    session: Session,
    position: Position,
    counters: Arc<Counters>,
    group_max: usize,
    acknowledges_early: bool,
    /// How many jobs the next group may well have: the last ones' size, slowly forgotten.
    crowd: usize,
    /// How long a commit takes, averaged.
    commit_time: Duration,
}

impl Writer {
    pub fn new(session: Session, counters: Arc<Counters>, group_max: usize, acknowledges_early: bool) -> Self {
        Self {
            session,
            position: Position::default(),
            counters,
            group_max: group_max.max(1),
            acknowledges_early,
            crowd: 1,
            commit_time: Duration::ZERO,
        }
    }

    /// Writes until nobody can ask any more and the queue is empty.
    pub fn run(&mut self, jobs: &Receiver<WriteJob>) {
        for first in jobs {
            self.group(first, jobs);
        }
    }

    /// The connection, between two groups.
    #[cfg(feature = "inline")]
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn group(&mut self, first: WriteJob, jobs: &Receiver<WriteJob>) {
        if let Err(cause) = self.session.control("BEGIN IMMEDIATE") {
            let cause = error::statement(&cause);
            tracing::error!(error.detail = %cause, "no transaction could be opened");
            // Those that wait would each wait for the same lock or disk in turn: they are told now.
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                let _ = job.answer.send(Err(error::again(&cause)));
            }
            return;
        }
        let mut group = Vec::with_capacity(self.crowd);
        let deadline = Instant::now() + (self.commit_time / 2).min(GATHER_MAX);
        let mut next = Some(first);
        while let Some(job) = next {
            group.push(self.job(job));
            if self.session.is_idle() {
                // SQLite has rolled back everything: a full disk, an I/O error.
                let own = group.last().and_then(|ran| ran.outcome.as_ref().err());
                let reason = own.map_or_else(String::new, |own| format!(": {own}"));
                let cause = Error::Unavailable(format!("the shared transaction was rolled back{reason}"));
                return self.refuse(group, &cause);
            }
            next = if group.len() < self.group_max { self.next_job(jobs, group.len(), deadline) } else { None };
        }
        self.commit(group);
    }

    /// The next job of the group: one that waits, or, where experience says that more are on their way, one that comes before
    /// the deadline. Waiting half a sync to save whole ones is a good bargain; a lone writer never waits.
    fn next_job(&self, jobs: &Receiver<WriteJob>, have: usize, deadline: Instant) -> Option<WriteJob> {
        if let Ok(job) = jobs.try_recv() {
            return Some(job);
        }
        if have >= self.crowd || self.acknowledges_early {
            return None;
        }
        jobs.recv_deadline(deadline).ok()
    }

    fn job(&mut self, job: WriteJob) -> Ran {
        let WriteJob { work, answer } = job;
        if let Err(cause) = self.session.control("SAVEPOINT job") {
            return Ran { answer, outcome: Err(error::statement(&cause)), changed: false };
        }
        let before = self.session.changes();
        let mut tx = SqliteTx::new(&mut self.session);
        // The futures of this transaction are ready at once, so one poll runs the work to its end. One that is not ready
        // awaits something else, and nobody else's commit is to wait for that.
        let ended = catch_unwind(AssertUnwindSafe(|| work(&mut tx).now_or_never()));
        let doomed = tx.is_doomed();
        let outcome = match ended {
            Ok(Some(Ok(()))) if doomed => Err(Error::Fault("work went on after a statement had failed".to_owned())),
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(Error::Fault("work awaited something other than its transaction".to_owned())),
            Err(panic) => Err(Error::Fault(format!("work panicked: {}", message(&*panic)))),
        };
        if outcome.is_err() && !self.session.is_idle() {
            self.undo_job();
        } else if !self.session.is_idle()
            && let Err(cause) = self.session.control("RELEASE job")
        {
            self.abandon();
            return Ran { answer, outcome: Err(error::statement(&cause)), changed: false };
        }
        let changed = outcome.is_ok() && self.session.changes() > before;
        if self.acknowledges_early && outcome.is_ok() {
            let _ = answer.send(Ok(Commit { role_epoch: 0, log: 0 }));
            let (unheard, _) = oneshot::channel();
            return Ran { answer: unheard, outcome, changed };
        }
        Ran { answer, outcome, changed }
    }

    fn undo_job(&mut self) {
        let undone = self.session.control("ROLLBACK TO job").and_then(|()| self.session.control("RELEASE job"));
        if undone.is_err() {
            self.abandon();
        }
    }

    /// Gives the whole group up.
    fn abandon(&mut self) {
        if !self.session.is_idle()
            && let Err(cause) = self.session.control("ROLLBACK")
        {
            tracing::error!(error.detail = %cause, "a transaction could not be rolled back");
        }
    }

    fn commit(&mut self, group: Vec<Ran>) {
        if group.iter().all(|ran| ran.outcome.is_err()) {
            self.abandon();
            return answer(group, Commit { role_epoch: 0, log: 0 });
        }
        if self.acknowledges_early {
            // The sabotage is to be seen: a kill meets the gap between answer and commit.
            std::thread::sleep(Duration::from_millis(20));
        }
        let writes = group.iter().filter(|ran| ran.changed).count();
        let log = match writes {
            0 => self.position.present(&mut self.session),
            _ => self.position.next(&mut self.session),
        };
        let log = match log {
            Ok(log) => log,
            Err(cause) => {
                self.abandon();
                return self.refuse(group, &cause);
            }
        };
        let begun = Instant::now();
        if let Err(cause) = self.session.control("COMMIT") {
            self.abandon();
            let text = cause.to_string();
            let told = if error::commit_is_certain(&cause) { error::statement(&cause) } else { Error::InDoubt(text) };
            return self.refuse(group, &told);
        }
        if writes > 0 {
            self.learn(group.len(), begun.elapsed());
            self.counters.committed(writes as u64);
        }
        answer(group, Commit { role_epoch: 0, log });
    }

    /// Tells everybody that the group came to nothing, or may have. A job's refusal rested on what the others wrote, so it is
    /// not to be believed either; but for it there is no doubt.
    fn refuse(&mut self, group: Vec<Ran>, cause: &Error) {
        tracing::error!(error.detail = %cause, jobs = group.len(), "a group was not committed");
        self.position.take_back();
        for ran in group {
            let told = match &ran.outcome {
                Ok(()) => error::again(cause),
                Err(own @ (Error::DiskFull(_) | Error::Corrupt(_))) => error::again(own),
                Err(_) => Error::Unavailable(cause.to_string()),
            };
            let _ = ran.answer.send(Err(told));
        }
    }

    fn learn(&mut self, size: usize, commit_time: Duration) {
        self.crowd = size.max(self.crowd - self.crowd.div_ceil(8)).max(1);
        self.commit_time = (self.commit_time * 7 + commit_time) / 8;
    }
}

fn answer(group: Vec<Ran>, commit: Commit) {
    for ran in group {
        // Whoever asked may have gone; what was written stays.
        let _ = ran.answer.send(ran.outcome.map(|()| commit));
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}
