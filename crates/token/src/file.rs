//! The key file: made durably on the first start, refused when others can read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

use crate::keys::{self, Keys, ParseError};

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// Why the key file cannot be used. Says what to do, never what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system refused.
    #[error("cannot {doing} the token key file {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("the token key file {} is open to others (mode {mode:o}): run  chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is no list of keys.
    #[error("the token key file {} is not usable: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ParseError,
    },
    /// The system has no randomness to give.
    #[error("cannot make a token key: {0}")]
    Random(#[from] getrandom::Error),
}

pub(crate) fn load_or_create(path: &Path) -> Result<Keys, FileError> {
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path)?;
            load(path, File::open(path).map_err(failed("read", path))?)
        }
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn load(path: &Path, mut file: File) -> Result<Keys, FileError> {
    // Asked of the open file, so that it cannot be exchanged between the question and the reading.
    let mode = file.metadata().map_err(failed("read", path))?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(FileError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.read_to_string(&mut text).map_err(failed("read", path))?;
    text.parse().map_err(|source| FileError::Content { path: path.to_owned(), source })
}

/// Writes a new key under a temporary name and links it to its own: a reader never sees half a file, and of two processes that
/// start at once one wins and both use its key.
fn create(path: &Path) -> Result<(), FileError> {
    let io = |error| failed("create", path)(error);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{:08x}.new", getrandom::u32()?));
    let temporary = PathBuf::from(temporary);

    let text = keys::generate()?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&temporary).map_err(io)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    let _ = fs::remove_file(&temporary);
    written.map_err(io)?;
    // The name is durable only once its directory is.
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError::Io { doing, path: path.to_owned(), source }
}
