//! Opening the file: what is wrong with it is said here, with what to do about it.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use store::{Error, Result};

use crate::{Options, create};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The one that writes; it makes the file.
    Write,
    /// One that only reads.
    Read,
}

/// Opens a connection with every setting this engine relies on.
pub fn connection(options: &Options, purpose: Purpose) -> Result<Connection> {
    if purpose == Purpose::Write {
        create::if_missing(&options.path)?;
    }
    settled(options, purpose).map_err(|error| cannot_open(&options.path, &error))
}

fn settled(options: &Options, purpose: Purpose) -> rusqlite::Result<Connection> {
    // One thread uses a connection at a time: no mutex of SQLite's own is needed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(128);
    if purpose == Purpose::Write {
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| {
            let mode: String = row.get(0)?;
            if mode.eq_ignore_ascii_case("wal") { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
        })?;
    }
    // FULL syncs the log at every commit: what was acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    // No mmap: an I/O error would come as a signal that ends the process, not as an error.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
    if purpose == Purpose::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    // The first real read: a file that is none of SQLite's is found out now.
    connection.query_row("SELECT count(*) FROM sqlite_master", (), |_| Ok(()))?;
    Ok(connection)
}

/// A failure of SQLite to use a file, with what to do.
pub fn cannot_open(path: &Path, error: &rusqlite::Error) -> Error {
    let shown = path.display();
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "It is damaged or not a SQLite database. Restore it from a backup, or move it away to start empty."
        }
        Some(ErrorCode::DiskFull) => "Its disk is full. Free some space, or name a data directory on another disk.",
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            "Give this user write access to the file and to its directory, or name another data directory."
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "Another process holds it. Stop that one first.",
        _ if matches!(error, rusqlite::Error::InvalidQuery) => {
            "Its file system does not bear a write-ahead log (no shared memory). Name a data directory on a local disk."
        }
        _ => "See the cause above.",
    };
    Error::Unusable(format!("cannot use {shown}: {error}. {advice}"))
}
