//! Which tiers a cache has, and which time to live goes to which.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, Error, Lease};
use crate::{Entry, Tiered, Ttl};

#[derive(Clone)]
pub(crate) enum Tiers {
    /// One engine in this process.
    Near(Arc<dyn Engine>),
    /// One engine that all processes share.
    Shared(Arc<dyn Engine>),
    /// Both.
    Both(Arc<Tiered>),
}

impl Tiers {
    /// The entry under a key; what comes from a shared engine is kept near for `near_ttl` at most.
    pub(crate) async fn get(&self, key: &str, near_ttl: Duration) -> Result<Option<Entry>, Error> {
        match self {
            Self::Near(engine) | Self::Shared(engine) => engine.get(key).await,
            Self::Both(tiered) => tiered.get(key, near_ttl).await,
        }
    }

    pub(crate) async fn set_if_newer(&self, key: &str, entry: Entry, ttl: Ttl) -> Result<bool, Error> {
        match self {
            Self::Near(engine) => engine.set_if_newer(key, entry, ttl.near).await,
            Self::Shared(engine) => engine.set_if_newer(key, entry, ttl.shared).await,
            Self::Both(tiered) => tiered.set_if_newer(key, entry, ttl).await,
        }
    }

    /// Asks to be the one that loads. An engine that does not answer keeps nobody from loading.
    pub(crate) async fn lease(&self, key: &str, ttl: Duration, near_ttl: Duration) -> Lease {
        let asked = match self {
            Self::Near(engine) | Self::Shared(engine) => engine.lease(key, ttl).await,
            Self::Both(tiered) => tiered.lease(key, ttl, near_ttl).await,
        };
        asked.unwrap_or(Lease::Granted)
    }

    pub(crate) async fn release(&self, key: &str) {
        match self {
            Self::Near(engine) | Self::Shared(engine) => engine.release(key).await,
            Self::Both(tiered) => tiered.release(key).await,
        }
    }
}
