//! Making the file: whole under another name first, so that a cut never leaves half a database, and readable by its owner only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use store::{Error, Result};

use crate::open::cannot_open;

/// Makes an empty database in WAL mode if there is no file of this name.
///
/// A file that is there is not touched: closing it here would drop the locks that SQLite may hold on it in this process.
pub fn if_missing(path: &Path) -> Result<()> {
    let refused = |error: io::Error| cannot_make(path, &error);
    if path.try_exists().map_err(refused)? {
        return Ok(());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
    let draft = draft_name(path);
    let made = make(&draft).and_then(|()| publish(&draft, path, folder).map_err(refused));
    // Where it was published this removes its other name only.
    let _ = fs::remove_file(&draft);
    made
}

/// SQLite would give the file the umask's rights; it is to hold password hashes and addresses.
fn make(draft: &Path) -> Result<()> {
    let refused = |error: io::Error| cannot_make(draft, &error);
    let _ = fs::remove_file(draft);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft).map_err(refused)?;
    // One sync at the end, instead of SQLite's several: half a draft is nobody's.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(draft, flags)
        .and_then(|connection| {
            connection.pragma_update(None, "synchronous", "off")?;
            connection.pragma_update(None, "journal_mode", "wal")
        })
        .map_err(|error| cannot_open(draft, &error))?;
    File::open(draft).and_then(|file| file.sync_all()).map_err(refused)
}

/// Gives the draft its name, unless another process was quicker.
fn publish(draft: &Path, path: &Path, folder: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        // Some file systems have no hard links.
        Err(_) => fs::rename(draft, path)?,
        Ok(()) => {}
    }
    File::open(folder)?.sync_all()
}

fn draft_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    // Two processes may be at it, and two threads of one.
    name.push(format!(".{}-{:?}.new", std::process::id(), std::thread::current().id()));
    name.into()
}

fn cannot_make(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    Error::Unusable(match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("cannot write {path}: {error}. Give this user write access to it, or name another data directory.")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("cannot make {path}: {error}. Free some space, or name a data directory on another disk.")
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("cannot make {path}: {error}. Name a data directory that holds nothing else.")
        }
        _ => format!("cannot make {path}: {error}. Name another data directory."),
    })
}
