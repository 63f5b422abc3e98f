//! The local directory: made and synced before use, and looked after where `object_store` does not.

use std::fs::{self, File};
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::time::UNIX_EPOCH;

use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::sweep::UPLOADS;
use crate::{Class, Error, Result};

/// The root of a local store.
#[derive(Debug)]
pub(crate) struct LocalRoot {
    root: PathBuf,
}

impl LocalRoot {
    /// Makes the directories, all of them and synced: an object whose directory another writer was just making would else be
    /// acknowledged before its directory is durable.
    pub(crate) fn open(root: &FsPath) -> Result<(Self, LocalFileSystem)> {
        let at = |path: &FsPath| {
            let path = path.display().to_string();
            move |source: io::Error| Error::Directory { path, source }
        };
        fs::create_dir_all(root).map_err(at(root))?;
        for folder in folders() {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        for class in Class::ALL {
            let path = root.join(class.folder());
            sync_folder(&path).map_err(at(&path))?;
        }
        sync_folder(root).map_err(at(root))?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent).map_err(at(parent))?;
        }
        check_writable(root).map_err(at(root))?;
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok((Self { root: root.to_owned() }, store))
    }

    /// Makes a change in the location's directory durable.
    pub(crate) async fn sync_folder_of(&self, location: &Path) -> Result<()> {
        let mut folder = self.root.join(location.as_ref());
        folder.pop();
        tokio::task::spawn_blocking(move || sync_folder(&folder)).await??;
        Ok(())
    }

    /// Removes what a killed process was still writing: the staging files (`name#1`) that `object_store` hides, last written
    /// before `before_ms`. Returns how many.
    pub(crate) async fn sweep_staging(&self, before_ms: i64) -> Result<u64> {
        let root = self.root.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for folder in folders() {
                for entry in fs::read_dir(root.join(folder))? {
                    let entry = entry?;
                    if is_staging(&entry.file_name().to_string_lossy())
                        && modified_ms(&entry)? < before_ms
                        && remove_if_there(&entry.path())?
                    {
                        removed += 1;
                    }
                }
            }
            io::Result::Ok(removed)
        })
        .await??;
        Ok(removed)
    }
}

/// Every directory that holds objects.
fn folders() -> impl Iterator<Item = String> {
    let fan = |class: Class| (0..=u8::MAX).map(move |byte| format!("{}/{byte:02x}", class.folder()));
    std::iter::once(UPLOADS.to_owned()).chain(Class::ALL.into_iter().flat_map(fan))
}

fn sync_folder(folder: &FsPath) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A missing permission must be seen at start, not at the first upload.
fn check_writable(root: &FsPath) -> io::Result<()> {
    let probe = root.join(UPLOADS).join(".probe");
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

fn is_staging(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, suffix)| !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit()))
}

fn modified_ms(entry: &fs::DirEntry) -> io::Result<i64> {
    let since = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// False where the writer finished or gave up in the meantime.
fn remove_if_there(path: &FsPath) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
