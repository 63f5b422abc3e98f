//! Ordered shutdown: a first signal (send clients elsewhere), a soft one (finish what you have), a hard one (stop now), and the tasks to
//! wait for.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Handles to one process's (or one test's) shutdown. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled first: serve as before, but see to it that clients go elsewhere.
    pub leaving: CancellationToken,
    /// Cancelled next: take nothing new, finish what was begun.
    pub soft: CancellationToken,
    /// Cancelled when the time for finishing is over.
    pub hard: CancellationToken,
    /// Every task that ends by itself after the soft signal.
    pub tasks: TaskTracker,
    /// What those lean on while they drain (in-memory servers, the operators' port): stays until the hard signal.
    pub base: TaskTracker,
}

impl Shutdown {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a tracked task. It must end soon after `soft` is cancelled; at the hard signal it is dropped.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.hard.clone();
        self.tasks.spawn(async move {
            // A task that runs to its end is never cut short by losing a race with the signal.
            tokio::select! {
                biased;
                () = task => {}
                () = hard.cancelled() => {}
            }
        })
    }

    /// Runs a task that others need while they drain; it is dropped at the hard signal.
    pub fn spawn_base<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.hard.clone();
        self.base.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = hard.cancelled() => {}
            }
        });
    }

    /// Sends the soft signal, waits for the tasks, and after `grace` sends the hard one. True if all ended by themselves.
    pub async fn finish(&self, grace: Duration) -> bool {
        self.leaving.cancel();
        self.soft.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(grace, self.tasks.wait()).await.is_ok();
        self.hard.cancel();
        self.base.close();
        if !ended {
            tracing::warn!(grace_ms = grace.as_millis(), "tasks were still running at the end of the grace time");
        }
        // The hard signal drops what is left at its next await.
        let dropped = async { tokio::join!(self.tasks.wait(), self.base.wait()) };
        let _ = tokio::time::timeout(Duration::from_millis(500), dropped).await;
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_that_do_not_end_are_dropped_at_the_hard_signal() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending());
        assert!(!shutdown.finish(Duration::from_millis(10)).await);
        assert!(shutdown.tasks.is_empty());
    }

    #[tokio::test]
    async fn tasks_that_listen_end_by_themselves() {
        let shutdown = Shutdown::new();
        let soft = shutdown.soft.clone();
        shutdown.spawn(async move { soft.cancelled().await });
        shutdown.spawn_base(std::future::pending());
        assert!(shutdown.finish(Duration::from_secs(5)).await);
        assert!(shutdown.base.is_empty());
    }
}
