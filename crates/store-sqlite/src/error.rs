//! SQLite's result codes as errors of the store: in one place.

use rusqlite::{Error as Sqlite, ErrorCode, ffi};
use store::Error;

/// A statement that failed. Whatever it was, its transaction is rolled back.
pub fn statement(error: &Sqlite) -> Error {
    let text = error.to_string();
    let Sqlite::SqliteFailure(cause, _) = error else {
        return Error::Fault(text);
    };
    match cause.code {
        ErrorCode::ConstraintViolation => match cause.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                Error::Unique(text)
            }
            _ => Error::Fault(text),
        },
        ErrorCode::DiskFull => Error::DiskFull(text),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt(text),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::CannotOpen
        | ErrorCode::OperationInterrupted
        | ErrorCode::FileLockingProtocolFailed => Error::Unavailable(text),
        _ => Error::Fault(text),
    }
}

/// Whether a failed COMMIT has certainly written nothing.
///
/// A full disk and a lock stop it before its last frame. After an I/O error, a failed sync above all, the frames may be on the
/// disk whole, and the next start would find them: in doubt.
pub fn commit_is_certain(error: &Sqlite) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
        )
    )
}

/// Another value of an error that stands for many callers.
pub fn again(error: &Error) -> Error {
    match error {
        Error::DiskFull(text) => Error::DiskFull(text.clone()),
        Error::Corrupt(text) => Error::Corrupt(text.clone()),
        Error::InDoubt(text) => Error::InDoubt(text.clone()),
        Error::Fault(text) => Error::Fault(text.clone()),
        Error::Unavailable(text) => Error::Unavailable(text.clone()),
        other => Error::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: std::ffi::c_int) -> Sqlite {
        Sqlite::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_failed_sync_is_in_doubt_and_a_full_disk_is_not() {
        assert!(!commit_is_certain(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(!commit_is_certain(&failure(ffi::SQLITE_IOERR_WRITE)));
        assert!(!commit_is_certain(&failure(ffi::SQLITE_CORRUPT)));
        assert!(commit_is_certain(&failure(ffi::SQLITE_FULL)));
        assert!(commit_is_certain(&failure(ffi::SQLITE_BUSY)));
    }

    #[test]
    fn only_a_taken_key_is_a_unique_violation() {
        assert!(matches!(statement(&failure(ffi::SQLITE_CONSTRAINT_PRIMARYKEY)), Error::Unique(_)));
        assert!(matches!(statement(&failure(ffi::SQLITE_CONSTRAINT_UNIQUE)), Error::Unique(_)));
        assert!(matches!(statement(&failure(ffi::SQLITE_CONSTRAINT_CHECK)), Error::Fault(_)));
        assert!(matches!(statement(&failure(ffi::SQLITE_FULL)), Error::DiskFull(_)));
        assert!(matches!(statement(&failure(ffi::SQLITE_NOTADB)), Error::Corrupt(_)));
        assert!(matches!(statement(&failure(ffi::SQLITE_IOERR_READ)), Error::Unavailable(_)));
    }
}
