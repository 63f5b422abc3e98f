//! What user-service does to sessions that session-service keeps validated: it ends them with a password or a user, and changes
//! the role that they carry. Told in the call that did it; where the cache does not answer, the cache itself repeats it, and times to
//! live bound the rest.

use bytes::Bytes;
use cache::{Cache, Class, Version, keys, policy};
use model::{SessionId, UserId};

/// The class of validated sessions, written to only.
#[derive(Clone)]
pub struct SessionCache(Class<Bytes>);

impl SessionCache {
    /// The class in a cache.
    pub fn new(cache: &Cache) -> Self {
        Self(cache.class(policy::SESSION))
    }

    /// These sessions are over.
    pub async fn ended(&self, user: UserId, ended: &[SessionId]) {
        for id in ended {
            if let Err(error) = self.0.forget(&keys::session(user, *id), Version::MAX).await {
                tracing::warn!(%error, user.id = user.get(), "the cache was not told that a session has ended; it is repeated");
            }
        }
    }

    /// What these sessions carry has changed. A session's version is when it was last seen, so the copies from before are those up to
    /// the versions given; a later use is newer.
    pub async fn changed(&self, user: UserId, seen: &[(SessionId, Version)]) {
        for (id, seen) in seen {
            if let Err(error) = self.0.invalidate(&keys::session(user, *id), seen.saturating_add(1)).await {
                tracing::warn!(%error, user.id = user.get(), "the cache was not told of a role; it is repeated");
            }
        }
    }
}
