//! The seam: what an engine that holds entries must do. In process and Redis.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::Entry;

/// A boxed future, as the trait object needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The engine did not answer. Look-ups go on without the cache; invalidations must be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache did not answer: {0}")]
pub struct Error(pub String);

/// What a process that is about to load a key is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// Load it: nobody else does.
    Granted,
    /// Another process loads it now: ask again in a moment.
    Taken,
    /// It is there by now: a value, or the news that it is gone.
    Found(Entry),
}

/// Holds entries by key. Keys are `<class>:<id>`.
pub trait Engine: Send + Sync + 'static {
    /// The entry under a key that has not run out.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>>;

    /// Keeps the entry for `ttl` if there is none or an older one, in one atomic step. False where it is not newer.
    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>>;

    /// Asks to be the one that loads a key, for `ttl` at most; whatever is set under the key ends the lease. Always granted where the
    /// engine is not shared.
    fn lease<'a>(&'a self, _key: &'a str, _ttl: Duration) -> BoxFuture<'a, Result<Lease, Error>> {
        Box::pin(std::future::ready(Ok(Lease::Granted)))
    }

    /// Gives a lease back after a load that found nothing to set. Best effort: leases run out.
    fn release<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}
