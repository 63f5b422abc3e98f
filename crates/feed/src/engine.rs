//! The seam: what an engine that holds the feed must do.

use std::{future::Future, pin::Pin, time::Duration};

use model::UserId;

use crate::{Names, Page, Picture, Place};

/// A boxed future, as the trait object needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The engine did not answer. A page cannot be shown, a change must be told again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the feed did not answer: {0}")]
pub struct Error(pub String);

/// Holds the feed. Each call is one atomic step.
///
/// `now_ms` is the caller's clock, in milliseconds since 1970-01-01 UTC.
pub trait Engine: Send + Sync + 'static {
    /// Whether a call would be refused at once, because none was answered of late: then nothing need be read to make one.
    fn is_away(&self) -> bool {
        false
    }

    /// Shows pictures, each in the place of an earlier one of the same place, and their owners' names unless newer ones are known.
    /// Those that were removed within [`crate::GONE_MS`] are left out. Beyond the engine's bound the oldest go.
    fn put<'a>(&'a self, pictures: &'a [Picture], now_ms: i64) -> BoxFuture<'a, Result<(), Error>>;

    /// Takes pictures away for good, whether they were shown or not. A user's names go with the last of the user's pictures.
    fn remove<'a>(&'a self, places: &'a [Place], now_ms: i64) -> BoxFuture<'a, Result<(), Error>>;

    /// A user has these names, unless newer ones are known. Nothing where no picture of the user is shown.
    fn rename<'a>(&'a self, user: UserId, names: &'a Names) -> BoxFuture<'a, Result<(), Error>>;

    /// The newest pictures older than `before`, at most `limit`.
    fn page<'a>(&'a self, before: Option<&'a Place>, limit: usize) -> BoxFuture<'a, Result<Page, Error>>;

    /// Begins to build the model, unless another builder is at it. What is there stays, unless it is torn: part of it lost.
    /// `builder` is a name that is used once.
    fn begin<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>>;

    /// The builder goes on. False where the model has vanished since, or another builder has taken over: begin again.
    fn renew<'a>(&'a self, builder: &'a str, lease: Duration) -> BoxFuture<'a, Result<bool, Error>>;

    /// The builder has put every picture newer than `cut`: the model is complete. False as for `renew`.
    fn finish<'a>(&'a self, builder: &'a str, cut: Option<&'a Place>) -> BoxFuture<'a, Result<bool, Error>>;
}
