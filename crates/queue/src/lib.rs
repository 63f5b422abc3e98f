//! The way of a job from the outbox to a worker: one trait for each end, and the engine inside one process.
//!
//! Durability is the outbox row's: it stays until [`JobQueue::publish`] says `Ok`, and that says that the queue has taken
//! responsibility. The in-process engine does so only once a worker has acknowledged, so a crash anywhere leaves the row and the
//! job is delivered again. Delivery is at least once; the effects of a job are idempotent.

#[cfg(feature = "contract")]
pub mod contract;
mod delivery;
mod error;
mod in_process;
mod job;

use std::future::Future;
use std::pin::Pin;

pub use delivery::{Delivery, Settle, Verdict};
pub use error::{Error, Result};
pub use in_process::{InProcess, InProcessConsumer};
pub use job::Job;

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The publisher's end.
pub trait JobQueue: Send + Sync + 'static {
    /// Hands a job over. Waits while the queue is full, and resolves
    ///
    /// - `Ok` once the queue has taken responsibility: the outbox row may go;
    /// - `Err` where it has not: the row stays, and [`Error::counts_as_attempt`] says whether back-off is due.
    ///
    /// A caller that goes away before the answer loses nothing: the job may or may not be done, and the row is still there.
    fn publish(&self, job: Job) -> BoxFuture<'_, Result<()>>;
}

/// The worker's end.
pub trait Consumer: Send + 'static {
    /// The next job; none when the queue has closed. Dropping the future loses no job.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;
}
