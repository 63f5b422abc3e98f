//! Sign-in sessions.

use crate::{SessionId, UserId};

/// A live session as its owner sees it. Times are milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Id; not the token.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was last used, to the minute.
    pub last_seen_at_ms: i64,
    /// The nearer of the idle and the absolute bound.
    pub expires_at_ms: i64,
    /// Address of the sign-in.
    pub ip: String,
    /// User agent of the sign-in.
    pub user_agent: String,
}
