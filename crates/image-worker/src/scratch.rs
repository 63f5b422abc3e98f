//! Where a job's files lie while it is worked on: a directory each, removed with it, and by the next start after a crash.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::error::Error;

const PREFIX: &str = "myriad-job-";
/// What is older was left by a process that is gone: no transformation takes as long.
const LEFTOVER_AGE: Duration = Duration::from_hours(6);

/// The directory of all jobs.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
}

/// One job's directory. Dropped, it is removed.
#[derive(Debug)]
pub struct Files {
    dir: TempDir,
}

impl Scratch {
    /// Makes the directory and removes what a crash left in it.
    pub fn open(root: Option<&Path>) -> Result<Self, Error> {
        let root = root.map_or_else(std::env::temp_dir, Path::to_owned);
        let failed = |source| Error::Scratch { path: root.display().to_string(), source };
        fs::create_dir_all(&root).map_err(failed)?;
        for entry in fs::read_dir(&root).map_err(failed)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_leftover(&entry) {
                // Another worker on this machine may be as quick.
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        Ok(Self { root })
    }

    /// A directory for one job.
    pub fn files(&self) -> Result<Files, Error> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.root)?;
        let files = Files { dir };
        fs::create_dir(files.outputs())?;
        Ok(files)
    }
}

fn is_leftover(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFTOVER_AGE))
}

impl Files {
    /// Where the uploaded file goes.
    pub fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    /// Where the transformation writes.
    pub fn outputs(&self) -> PathBuf {
        self.dir.path().join("outputs")
    }

    /// Output number `index`.
    pub fn output(&self, index: usize) -> PathBuf {
        self.outputs().join(index.to_string())
    }
}
