//! Ending sessions.

use model::{SessionId, UserId};
use store::Position;

use super::Sessions;
use crate::error::Result;

impl Sessions {
    /// Ends one live session of a user.
    pub(crate) async fn end(&self, user: UserId, id: SessionId, now_ms: i64) -> Result<Position> {
        let position = self.store.end(user, id, now_ms).await?;
        self.forget(user, &[id]).await;
        Ok(position)
    }

    /// Ends all sessions of a user.
    pub(crate) async fn end_all(&self, user: UserId, now_ms: i64) -> Result<Position> {
        let (ended, position) = self.store.end_all(user, now_ms).await?;
        self.forget(user, &ended).await;
        tracing::info!(user.id = user.get(), sessions = ended.len(), "all sessions of a user ended");
        Ok(position)
    }
}
