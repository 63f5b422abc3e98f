//! The threads that hash, and their bounded queue.
//!
//! A thread keeps its memory from one hash to the next, so that hashing neither faults pages in again nor leaves the process
//! larger with each sign-in, and gives it back when it has been idle for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use argon2::Block;
use argon2::password_hash::phc::Output;
use metrics::{counter, gauge, histogram};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use crate::phc::Recipe;
use crate::{Error, Settings};

pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    capacity: usize,
    threads: usize,
    idle_release: Duration,
    hashes: AtomicU64,
    last_hash_ms: AtomicU64,
}

struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Job {
    recipe: Recipe,
    password: SecretString,
    reply: oneshot::Sender<Result<Output, Error>>,
}

impl Pool {
    pub(crate) fn start(settings: &Settings) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { jobs: VecDeque::new(), closed: false }),
            work: Condvar::new(),
            capacity: settings.queue,
            threads: settings.threads,
            idle_release: Duration::from_millis(settings.idle_release_ms),
            hashes: AtomicU64::new(0),
            last_hash_ms: AtomicU64::new(50),
        });
        // Made first: should a thread not start, dropping the pool ends those that did.
        let pool = Self { shared };
        for number in 0..settings.threads {
            let (shared, niceness) = (Arc::clone(&pool.shared), settings.niceness);
            thread::Builder::new().name(format!("password-{number}")).spawn(move || {
                give_way(niceness);
                shared.hash_until_closed();
            })?;
        }
        Ok(pool)
    }

    /// Hashes completed since the start.
    pub(crate) fn hashes(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }

    /// Queues one hash and waits for it. A caller that goes away takes its place in the queue with it.
    pub(crate) async fn run(&self, recipe: Recipe, password: SecretString) -> Result<Output, Error> {
        let (reply, answer) = oneshot::channel();
        {
            let mut queue = self.shared.lock();
            if queue.jobs.len() >= self.shared.capacity {
                queue.jobs.retain(|job| !job.reply.is_closed());
            }
            if queue.jobs.len() >= self.shared.capacity {
                drop(queue);
                counter!("myriad_password_hash_refused_total").increment(1);
                return Err(self.shared.busy());
            }
            queue.jobs.push_back(Job { recipe, password, reply });
            gauge!("myriad_password_hash_queue").set(as_gauge(queue.jobs.len()));
        }
        self.shared.work.notify_one();
        answer.await.unwrap_or_else(|_| Err(Error::Failed("the pool is closed".to_owned())))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn hash_until_closed(&self) {
        let mut memory: Vec<Block> = Vec::new();
        while let Some(job) = self.next(&mut memory) {
            if job.reply.is_closed() {
                continue;
            }
            let begun = Instant::now();
            let result = job.recipe.run(job.password.expose_secret().as_bytes(), &mut memory);
            let took = begun.elapsed();
            self.hashes.fetch_add(1, Ordering::Relaxed);
            self.last_hash_ms.store(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            histogram!("myriad_password_hash_duration_seconds").record(took);
            // The caller may have gone meanwhile.
            let _ = job.reply.send(result);
        }
    }

    /// The next job, or `None` when the pool is closed. Gives the memory back when none comes for a while.
    fn next(&self, memory: &mut Vec<Block>) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                gauge!("myriad_password_hash_queue").set(as_gauge(queue.jobs.len()));
                return Some(job);
            }
            if memory.is_empty() {
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                let (guard, wait) =
                    self.work.wait_timeout(queue, self.idle_release).unwrap_or_else(PoisonError::into_inner);
                queue = guard;
                if wait.timed_out() && queue.jobs.is_empty() {
                    *memory = Vec::new();
                }
            }
        }
    }

    fn busy(&self) -> Error {
        let waiting = u64::try_from(self.capacity / self.threads.max(1)).unwrap_or(u64::MAX);
        let seconds = waiting.saturating_mul(self.last_hash_ms.load(Ordering::Relaxed)).div_ceil(1_000).clamp(1, 60);
        Error::Busy { retry_after_s: u32::try_from(seconds).unwrap_or(60) }
    }

    // A panic while the lock was held cannot leave the queue half changed.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lowers the priority of this thread. Where that is not possible, hashing just does not give way.
#[cfg(target_os = "linux")]
fn give_way(niceness: i32) {
    let _ = rustix::process::setpriority_process(None, niceness);
}

#[cfg(not(target_os = "linux"))]
fn give_way(_niceness: i32) {}

#[expect(clippy::cast_precision_loss, reason = "a queue is far shorter than 2^52")]
fn as_gauge(length: usize) -> f64 {
    length as f64
}
