//! A queue that keeps what it is given, and fails as often as it is told to.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use queue::{BoxFuture, Error, Job, JobQueue, Result};

#[derive(Default)]
pub struct TestQueue {
    pub jobs: Mutex<Vec<Job>>,
    pub failures: AtomicUsize,
    pub asked: AtomicUsize,
}

impl TestQueue {
    pub fn len(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }
}

impl JobQueue for TestQueue {
    fn publish(&self, job: Job) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            // The job is kept either way: a broker may have it although its confirmation was lost.
            self.jobs.lock().unwrap().push(job);
            match fails {
                Ok(_) => Err(Error::Unavailable("told to".to_owned())),
                Err(_) => Ok(()),
            }
        })
    }
}
