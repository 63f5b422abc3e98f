//! Which engine a test's shards run on, and tests that run on each.

use anyhow::Result;

use super::Postgres;

/// An engine of the shard store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardEngine {
    /// Files in the test's directory.
    Sqlite,
    /// Databases of the server that this process's tests share.
    Postgres,
}

impl ShardEngine {
    /// Where a new shard of this name is, as a topology says it: a file of that name, or a database made for it.
    ///
    /// # Errors
    /// Where PostgreSQL does not start or makes no database.
    pub async fn new_location(self, name: &str) -> Result<String> {
        match self {
            Self::Sqlite => Ok(format!("{name}.db")),
            Self::Postgres => {
                let server = Postgres::shared().await?;
                Ok(server.url(&server.fresh_database().await?))
            }
        }
    }
}

/// Makes two tests of each function that takes a [`ShardEngine`](crate::engines::ShardEngine), one on each. A function that is
/// left out of the list is dead code, which is refused.
#[macro_export]
macro_rules! on_both_engines {
    ($($law:ident,)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                super::$law($crate::engines::ShardEngine::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                super::$law($crate::engines::ShardEngine::Postgres).await;
            })*
        }
    };
}
