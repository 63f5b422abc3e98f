//! The router on real SQLite files and on a real PostgreSQL server, reached through a real gRPC channel.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

/// Makes two tests of each function that takes a cluster: on files, and on the databases of a PostgreSQL server.
macro_rules! on_both_engines {
    ($($law:ident,)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $law() {
                super::$law(crate::cluster::Cluster::new()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                super::$law(crate::cluster::Cluster::on_postgres().await).await;
            })*
        }
    };
}

mod catalog;
mod client;
mod cluster;
mod lease;
mod start;
mod watch;
