//! The reader threads: one connection each, one queue for all.

use crossbeam_channel::Receiver;
use store::{Result, Row, Value};
use tokio::sync::oneshot;

use crate::{engine::Counters, session::Session};

/// A statement to read with, and whom to answer.
pub struct ReadJob {
    pub sql: &'static str,
    pub params: Vec<Value>,
    pub answer: oneshot::Sender<Result<Vec<Row>>>,
}

/// Reads until nobody can ask any more.
pub fn run(mut session: Session, jobs: &Receiver<ReadJob>, counters: &Counters) {
    for job in jobs {
        // Whoever asked may have gone while the job waited; a read that nobody sees need not be made.
        if job.answer.is_closed() {
            continue;
        }
        let rows = session.query(job.sql, &job.params);
        counters.has_read();
        let _ = job.answer.send(rows);
    }
}
