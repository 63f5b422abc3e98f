//! Ids of entries that more than one service writes: whoever ends a session tells the cache of those who validate it.

use model::{SessionId, UserId};

/// The id of a session in the class [`crate::policy::SESSION`].
pub fn session(user: UserId, session: SessionId) -> String {
    format!("{user}:{session}")
}
