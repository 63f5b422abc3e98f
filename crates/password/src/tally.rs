//! The seam for a count that several processes keep together, as Redis does. Without one each process counts for itself.

use std::future::Future;
use std::pin::Pin;

use crate::AttemptSettings;

/// A boxed future, as the trait object needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One password about to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Normal form of the account's e-mail.
    pub account: String,
    /// Drawn for this attempt.
    pub id: u64,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// The limit and its window.
    pub settings: AttemptSettings,
}

/// What the count says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The place is taken: wrong passwords and those under way are below the limit.
    Open,
    /// Those under way may reach the limit: ask again when one of them has ended.
    Wait,
    /// The limit is reached; the oldest wrong password was seen then, in milliseconds since 1970-01-01 UTC.
    Full(i64),
}

/// Counts wrong passwords for all processes.
pub trait Tally: Send + Sync + 'static {
    /// Takes a place, if there is one. `None` where nobody answers: the process then counts alone.
    fn enter<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Option<Standing>>;

    /// Gives a place back, with the time of the verdict where the password was wrong. Does not wait; a place never given back
    /// is free again after a while.
    fn leave(&self, place: Place, wrong_at_ms: Option<i64>);
}
