//! Shards that count the statements which read them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use store::{
    BoxFuture, Engine, Result, Row, Value,
    engine::{Commit, Dialect, Stats, Work},
};
use topology::Opener;

struct Counting {
    inner: Arc<dyn Engine>,
    reads: Arc<AtomicU64>,
}

/// The same shards, counted together.
pub fn counted(opener: Opener, reads: Arc<AtomicU64>) -> Opener {
    Opener::new(move |shard| {
        let (opener, reads) = (opener.clone(), reads.clone());
        async move {
            let inner = opener.open(&shard).await?;
            Ok(Arc::new(Counting { inner, reads }) as Arc<dyn Engine>)
        }
    })
}

impl Engine for Counting {
    fn write(&self, work: Work) -> BoxFuture<'_, Result<Commit>> {
        self.inner.write(work)
    }

    fn query<'a>(&'a self, sql: &'static str, params: Vec<Value>) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.query(sql, params)
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn dialect(&self) -> &'static Dialect {
        self.inner.dialect()
    }

    fn stats(&self) -> Stats {
        self.inner.stats()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
