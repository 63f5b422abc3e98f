//! The data directory: made for its owner only, and used by one process at a time.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use anyhow::{Context, Result, bail};

/// Held for as long as the process may write.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Holds the lock until it is dropped.
    pub async fn hold(self) {
        let _held = self.file;
        std::future::pending::<()>().await;
    }
}

/// Makes the directory if need be and takes its lock.
///
/// # Errors
/// Names the directory and what to do.
pub fn open(path: &Path) -> Result<Lock> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| {
        format!("data_dir: {} cannot be made or used; give a directory you may write to", path.display())
    })?;
    let name = path.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.with_context(|| {
        format!("data_dir: {} cannot be written; give a directory you may write to", name.display())
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
        Err(TryLockError::WouldBlock) => {
            bail!("data_dir: {} is used by another process; stop it, or give another directory", path.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("data_dir: {} cannot be locked", name.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_do_not_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        let first = open(&path).unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("another process"));
        drop(first);
        open(&path).unwrap();
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = open(file.path()).unwrap_err().to_string();
        assert!(refused.contains(file.path().to_str().unwrap()), "{refused}");
    }
}
