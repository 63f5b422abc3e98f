//! A replica with the primary behind it: what fails on the one is asked of the other, once.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use store::{BoxFuture, Commit, Dialect, Engine, Error, Result, Row, Stats, Value, Work};
use tokio::time::timeout;

use super::Inner;

/// How long a read may take on a replica before the primary is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// The engine that a read is given.
pub(super) struct Reader {
    pub(super) index: usize,
    pub(super) replica: Arc<dyn Engine>,
    pub(super) primary: Arc<dyn Engine>,
    /// Weak: whoever still reads holds no shard open that has left.
    pub(super) set: Weak<Inner>,
}

impl Engine for Reader {
    fn write(&self, _: Work) -> BoxFuture<'_, Result<Commit>> {
        Box::pin(std::future::ready(Err(Error::Fault("a replica is only read from".to_owned()))))
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let cause = match timeout(PATIENCE, self.replica.query(sql, params.clone())).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(cause)) => cause,
                Err(_) => Error::Unavailable("it did not answer in time".to_owned()),
            };
            if let Some(set) = self.set.upgrade() {
                set.failed(self.index, &cause, Instant::now());
            }
            self.primary.query(sql, params).await
        })
    }

    fn name(&self) -> &str {
        self.replica.name()
    }

    fn dialect(&self) -> &'static Dialect {
        self.replica.dialect()
    }

    fn stats(&self) -> Stats {
        self.replica.stats()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.replica.close()
    }
}
