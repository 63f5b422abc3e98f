//! The service itself, below gRPC: signing in, validating, listing, ending.

mod ending;
mod sign_in;
mod standing;

use std::sync::Arc;

use api::position::Position as Seen;
use cache::{Cache, Class, Policy, keys, policy};
use model::session::Session;
use model::{SessionId, UserId};
use password::{Attempts, Hasher};
use store::Position;
use token::{Keys, Token};

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::touches::Touches;

pub(crate) use sign_in::SignIn;
pub(crate) use standing::Standing;

pub(crate) struct Sessions {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) hasher: Hasher,
    pub(crate) attempts: Attempts,
    /// Live sessions by `<user>:<session>`.
    live: Class<Standing>,
    pub(crate) touches: Arc<Touches>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
}

/// A sign-in's answer.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) token: Token,
    /// It is the recorded answer to an earlier, equal request.
    pub(crate) replayed: bool,
    pub(crate) positions: Vec<Position>,
}

impl Sessions {
    pub(crate) fn new(
        settings: Settings,
        store: Store,
        keys: Keys,
        hasher: Hasher,
        attempts: Attempts,
        cache: &Cache,
    ) -> Self {
        Self {
            store,
            keys,
            hasher,
            attempts,
            live: cache.class(Policy { ..policy::SESSION }),
            touches: Arc::new(Touches::new(settings.touch_every_ms)),
            settings,
            metrics: Metrics::new(),
        }
    }

    /// A live session and its user's role.
    pub(crate) async fn validate(&self, user: UserId, id: SessionId, now_ms: i64) -> Result<Standing> {
        let load = || async {
            let found = self.store.standing(user, id, now_ms).await.map_err(model::Error::from)?;
            Ok(found.map(|standing| (standing.version(), standing)))
        };
        let found = self.live.get_or_load(&keys::session(user, id), load).await?;
        let standing = match found.ok_or(Error::NotLive)? {
            live if now_ms < live.session.expires_at_ms => live,
            // A copy from before the last use was noted, or the session has run out since: the row knows.
            _ => self.store.standing(user, id, now_ms).await?.ok_or(Error::NotLive)?,
        };
        self.touches.note(&standing.session, self.settings.lifetime(), now_ms);
        Ok(standing)
    }

    /// A user's live sessions, the newest first.
    pub(crate) async fn list(&self, user: UserId, now_ms: i64, seen: &[Seen]) -> Result<Vec<Session>> {
        self.store.list(user, now_ms, seen).await
    }

    /// From here on no copy of these sessions answers in this process; elsewhere copies run out within 50 ms, and within the shared
    /// time to live of the class where a shared cache could not be told.
    async fn forget(&self, user: UserId, ended: &[SessionId]) {
        for id in ended {
            if let Err(error) = self.live.forget(&keys::session(user, *id), cache::Version::MAX).await {
                tracing::warn!(%error, user.id = user.get(), "the cache was not told that a session has ended; it is repeated until that runs out");
            }
        }
    }
}
