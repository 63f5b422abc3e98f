//! Settings of one database.

use std::{path::PathBuf, time::Duration};

/// Settings of one database. `Options::at` has defaults that fit a small process.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file; made if it is not there, readable by its owner only.
    pub path: PathBuf,
    /// Name for logs, metrics and messages.
    pub name: String,
    /// Reader threads, each with a connection.
    pub readers: usize,
    /// Jobs that may wait for the writer, and as many for the readers; beyond that callers hear `Busy`.
    pub queue: usize,
    /// Transactions that may share one commit.
    pub group: usize,
    /// Page cache of each connection, in KiB.
    pub cache_kib: u32,
    /// How long another process may hold the file's write lock before a write fails.
    pub busy_timeout: Duration,
    /// Sabotage for the durability drill's twin: answers before the commit, so that a kill loses acknowledged writes.
    #[cfg(debug_assertions)]
    pub acknowledge_before_commit: bool,
}

impl Options {
    /// Defaults for a file, named after it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_stem().map_or_else(|| "sqlite".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Self {
            path,
            name,
            readers: 2,
            queue: 1024,
            group: 256,
            cache_kib: 2048,
            busy_timeout: Duration::from_secs(5),
            #[cfg(debug_assertions)]
            acknowledge_before_commit: false,
        }
    }

    /// Whether answers go out before the commit; never in a release build.
    #[cfg(debug_assertions)]
    pub(crate) const fn acknowledges_early(&self) -> bool {
        self.acknowledge_before_commit
    }

    /// Whether answers go out before the commit; never in a release build.
    #[cfg(not(debug_assertions))]
    pub(crate) const fn acknowledges_early(&self) -> bool {
        let _ = self;
        false
    }
}
