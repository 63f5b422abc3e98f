//! A job in a worker's hands, as the broker sees it.

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use lapin::{
    Acker, Channel,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
};
use queue::{BoxFuture, Error, Result, Settle, Verdict};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use crate::{Settings, connector::chance};

/// When failed jobs go back.
pub struct Retry {
    base: Duration,
    max: Duration,
    soft: CancellationToken,
    tasks: TaskTracker,
}

impl Retry {
    pub fn new(settings: &Settings, soft: CancellationToken, tasks: TaskTracker) -> Self {
        Self {
            base: Duration::from_millis(settings.retry_base_ms),
            max: Duration::from_millis(settings.retry_max_ms),
            soft,
            tasks,
        }
    }

    /// The wait after so many deliveries before this one: doubled for each, and half of it is chance.
    fn wait(&self, before: u32, chance: f64) -> Duration {
        let whole = self.base.saturating_mul(1_u32 << before.min(20)).min(self.max);
        whole.mul_f64(0.5 + chance / 2.0)
    }
}

/// A delivery without an answer. Dropped, the job is released.
pub struct Held {
    pub acker: Acker,
    /// Deliveries of this job before this one.
    pub before: u32,
    pub retry: Arc<Retry>,
    /// Keeps channel and connection open.
    pub _channel: Channel,
    /// Tells when all have been answered.
    pub _taken: TaskTrackerToken,
}

impl Settle for Held {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            match verdict {
                Verdict::Ack => heard(self.acker.ack(BasicAckOptions::default()).await),
                Verdict::Release => heard(self.acker.nack(requeue()).await),
                Verdict::Reject(_) if !self.acker.usable() => heard(Ok(false)),
                Verdict::Reject(_) => {
                    self.reject_later();
                    Ok(())
                }
            }
        })
    }
}

impl Held {
    /// A quorum queue delivers a rejected job again at once: the wait is here, and ends with the worker.
    fn reject_later(self: Box<Self>) {
        let retry = Arc::clone(&self.retry);
        retry.tasks.spawn(async move {
            let wait = self.retry.wait(self.before, chance());
            let _ = self.retry.soft.run_until_cancelled(tokio::time::sleep(wait)).await;
            if let Err(error) = heard(self.acker.reject(BasicRejectOptions { requeue: true }).await) {
                tracing::warn!(error = &error as &dyn std::error::Error, "a failed job comes again without its wait");
            }
        });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.acker.usable() {
            // The first poll hands it to the connection; nobody waits for the rest.
            let _ = self.acker.nack(requeue()).now_or_never();
        }
    }
}

fn requeue() -> BasicNackOptions {
    BasicNackOptions { requeue: true, ..BasicNackOptions::default() }
}

/// lapin says false where the connection had gone before.
fn heard(answer: lapin::Result<bool>) -> Result<()> {
    match answer {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Error::Away("the connection of this delivery is gone, and the job is delivered again".to_owned()))
        }
        Err(error) => Err(Error::Away(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_fails_again_and_again_waits_ever_longer() {
        let retry = Retry::new(&Settings::default(), CancellationToken::new(), TaskTracker::new());
        assert_eq!(retry.wait(0, 0.0), Duration::from_millis(500));
        assert_eq!(retry.wait(2, 0.0), Duration::from_secs(2));
        assert_eq!(retry.wait(60, 0.999_999).as_secs(), 29);
    }
}
