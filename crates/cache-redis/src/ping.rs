//! Whether Redis can be used, and if not, which setting to look at.

use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::engine::Failure;
use crate::{Redis, requests::Requests};

/// At start-up there is more time than in a request.
const PATIENCE: Duration = Duration::from_secs(2);

/// Redis cannot be used now; says why and which setting to look at, never what the settings hold.
#[derive(Debug, thiserror::Error)]
#[error("the cache in Redis cannot be used: {0}")]
pub struct Unreachable(String);

impl Redis {
    /// Asks whether Redis can be used. The cache does without until it can, so this is for a message at start-up.
    ///
    /// # Errors
    /// Why not, with the setting to look at.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        match self.ask(&Requests::ping(), PATIENCE).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(Unreachable(explain(&failure))),
        }
    }
}

/// The failure in words, with the setting to look at.
pub(crate) fn explain(failure: &Failure) -> String {
    match failure {
        Failure::Timeout(budget) => {
            format!("no answer within {} ms; see cache.redis.url and cache.redis.budget_ms", budget.as_millis())
        }
        Failure::Answer(error) => explain_answer(error),
    }
}

pub(crate) fn explain_answer(error: &RedisError) -> String {
    let said = error.to_string();
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || ["NOAUTH", "WRONGPASS", "NOPERM"].iter().any(|word| error.code() == Some(word) || said.contains(word));
    if refused {
        return "it refuses the user or the password; correct cache.redis.password, or the one in cache.redis.url"
            .to_owned();
    }
    match error.kind() {
        ErrorKind::Io => format!("{said}; is it running, and is cache.redis.url right?"),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => format!("{said}; cache.redis.url names a replica"),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            format!("{said}; cache.redis.url names a member of a cluster, cache.redis.mode says single")
        }
        _ => said,
    }
}
