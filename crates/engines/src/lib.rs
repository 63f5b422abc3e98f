//! Which engine runs which database: the one place that knows all of them, for the processes' `main`s.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{Engine, Error, Result};
use store_sqlite::{Options, Sqlite};
use topology::{EngineKind, Opener, ShardInfo};

/// Opens shards as the topology describes them; files are relative to `data_dir`.
pub fn opener(data_dir: &Path) -> Opener {
    opener_tuned(data_dir, |_| {})
}

/// The same, with a last word on each SQLite database's options.
pub fn opener_tuned(data_dir: &Path, tune: impl Fn(&mut Options) + Send + Sync + 'static) -> Opener {
    let data_dir = data_dir.to_owned();
    Opener::new(move |shard| {
        let options = options(&data_dir, &shard).map(|mut options| {
            tune(&mut options);
            options
        });
        async move { sqlite(options?).await }
    })
}

/// Opens the catalog of an embedded cluster: `catalog.db` in the data directory.
///
/// # Errors
/// Unusable, with the path, the cause and what to do.
pub async fn catalog(data_dir: &Path) -> Result<Arc<dyn Engine>> {
    // Read once at the start and seldom written: the smallest cache and one reader do.
    sqlite(Options { readers: 1, cache_kib: 256, ..Options::at(data_dir.join("catalog.db")) }).await
}

fn options(data_dir: &Path, shard: &ShardInfo) -> Result<Options> {
    match shard.engine {
        EngineKind::Sqlite => {
            Ok(Options { name: shard.name.clone(), ..Options::at(data_dir.join(PathBuf::from(&shard.location))) })
        }
        EngineKind::Postgres => Err(Error::Unusable(format!(
            "shard {} runs on PostgreSQL, which this program was built without. Start one that was built with it.",
            shard.name
        ))),
    }
}

/// Opening takes some milliseconds of file work: not on a thread that serves.
async fn sqlite(options: Options) -> Result<Arc<dyn Engine>> {
    let opened = tokio::task::spawn_blocking(move || Sqlite::open(&options)).await;
    let opened = opened.map_err(|_| Error::Unavailable("the process is stopping".to_owned()))?;
    Ok(opened?)
}
