//! When a running job is given up: the soft signal, and then its time to finish.

use std::time::Duration;

use runtime::shutdown::Shutdown;

/// The worker's view of the shutdown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    shutdown: Shutdown,
    drain: Duration,
}

impl Stop {
    pub fn new(shutdown: &Shutdown, drain: Duration) -> Self {
        Self { shutdown: shutdown.clone(), drain }
    }

    /// Nothing new is begun from here on.
    pub async fn begins(&self) {
        self.shutdown.soft.cancelled().await;
    }

    /// What is still running is given up.
    pub async fn comes(&self) {
        self.begins().await;
        tokio::time::sleep(self.drain).await;
    }
}
