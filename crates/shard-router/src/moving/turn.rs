//! One pause at a time: what a router does for one move while writers wait, its other moves do not slow down.

use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::Mover;

/// How long a page of a copy waits at most.
const PAGE: Duration = Duration::from_millis(50);

impl Mover {
    /// The turn to be in the pause. Not waited for longer than a pause may take: then the other's shard does not answer, and ours may.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let longest = Duration::from_millis(self.settings.max_pause_ms);
        timeout(longest, self.pausing.lock()).await.ok()
    }

    /// Lets a move pass that is in its pause.
    pub(super) async fn let_pass(&self) {
        let passed = async { drop(self.pausing.lock().await) };
        let _ = timeout(PAGE, passed).await;
    }
}
