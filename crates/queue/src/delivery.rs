//! A job in a worker's hands, and how it is given back.

use crate::{BoxFuture, Job, Result};

/// What a worker says of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is left to do.
    Ack,
    /// The attempt failed, and another may help.
    Reject(String),
    /// Not begun, or given up without fault: as if it had never been delivered.
    Release,
}

/// How an engine takes a verdict. Dropped without one, it must act as on [`Verdict::Release`].
pub trait Settle: Send + Sync + 'static {
    /// Takes the verdict.
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>>;
}

/// A job in a worker's hands. Dropped without a verdict, it is released.
#[must_use = "a delivery that is dropped is released"]
pub struct Delivery {
    job: Job,
    settle: Box<dyn Settle>,
}

impl Delivery {
    /// For engines: a job and how its verdict is taken.
    pub fn new(job: Job, settle: Box<dyn Settle>) -> Self {
        Self { job, settle }
    }

    /// The job.
    pub const fn job(&self) -> &Job {
        &self.job
    }

    /// The job is over: done, failed for good, or its image is gone.
    pub async fn ack(self) -> Result<()> {
        self.settle(Verdict::Ack).await
    }

    /// The attempt failed and may be made again, after a back-off.
    pub async fn reject(self, reason: impl Into<String>) -> Result<()> {
        self.settle(Verdict::Reject(reason.into())).await
    }

    /// Gives the job back as it was.
    pub async fn release(self) -> Result<()> {
        self.settle(Verdict::Release).await
    }

    /// Gives the verdict.
    pub async fn settle(self, verdict: Verdict) -> Result<()> {
        self.settle.settle(verdict).await
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("job", &self.job).finish_non_exhaustive()
    }
}
