//! The seam: what an engine that holds entries must do. In process today; Redis takes the same two calls.

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

/// Holds entries by key. Keys are `<class>:<id>`.
pub trait Engine: Send + Sync + 'static {
    /// The entry under a key that has not run out.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>>;

    /// Keeps the entry for `ttl` if there is none or an older one, in one atomic step. False where it is not newer.
    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>>;
}
