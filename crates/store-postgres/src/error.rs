//! PostgreSQL's SQLSTATEs and sqlx's errors as errors of the store: in one place.

use std::borrow::Cow;

use sqlx::{
    error::DatabaseError,
    postgres::{PgDatabaseError, PgSeverity},
};
use store::Error;

use crate::{Location, Settings};

/// A statement that failed, before any COMMIT was sent: certainly nothing was written.
pub fn statement(error: &sqlx::Error) -> Error {
    let sqlx::Error::Database(cause) = error else {
        return match error {
            // What we ask for or read does not fit: not the connection's fault.
            sqlx::Error::Encode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::InvalidArgument(_) => Error::Fault(error.to_string()),
            other => Error::Unavailable(other.to_string()),
        };
    };
    let (code, text) = (code(&**cause), cause.message().to_owned());
    match &*code {
        "23505" => Error::Unique(cause.constraint().map_or(text, str::to_owned)),
        "53100" => Error::DiskFull(text),
        // Others hold what it needs: it may be tried again.
        "55P03" | "40P01" | "40001" => Error::Busy,
        "57014" => Error::Unavailable(format!("a statement took too long: {text}")),
        "42501" => Error::Unusable(format!(
            "{text}: the role this process connects as lacks a right. Start shard-router of this version, which grants what each role needs."
        )),
        // More or fewer parameters than the statement has.
        "08P01" => Error::Fault(text),
        "XX001" | "XX002" => Error::Corrupt(text),
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "58") => Error::Unavailable(text),
            // A standby, or a primary that became one.
            _ if code == "25006" || code == "0A000" && text.contains("recovery") => {
                Error::Unavailable(format!("{text}: this server is a standby"))
            }
            _ if code == "25P03" => Error::Unavailable(text),
            _ => Error::Fault(format!("{text} ({code})")),
        },
    }
}

/// Whether a connection that met this error is of no more use: it is broken, its server is going away, or it is no longer the primary.
pub fn evicts(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(cause) = error else {
        return !matches!(statement(error), Error::Fault(_));
    };
    let code = code(&**cause);
    let standby = code == "25006" || code == "0A000" && cause.message().contains("recovery");
    let leaving = code.starts_with("57P") || code.starts_with("08") && code != "08P01" || code.starts_with("XX");
    standby || leaving || severity(error).is_some_and(|severity| severity != PgSeverity::Error)
}

/// Whether a statement was refused because it writes in a transaction that only reads.
pub fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if code(&**cause) == "25006")
}

/// Whether a server that answered COMMIT with this error has certainly not committed.
///
/// An ERROR comes from before the commit record: after it, PostgreSQL raises nothing less than PANIC. A FATAL may come while the
/// record is already there, as when a backend that waits for its standby is told to end. One FATAL is known to come before.
pub fn commit_is_refused(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(cause) = error else { return false };
    severity(error) == Some(PgSeverity::Error) || code(&**cause) == "25P03"
}

/// A connection that could not be made, with what to do.
pub fn cannot_connect(location: &Location, settings: &Settings, error: &sqlx::Error) -> Error {
    let user = &settings.user;
    let sqlx::Error::Database(cause) = error else {
        return Error::Unavailable(format!("{location} cannot be reached: {error}"));
    };
    let text = cause.message();
    match &*code(&**cause) {
        "28P01" | "28000" => Error::NotYet(format!(
            "{location} does not let \"{user}\" in: {text}. Check `postgres.user`, `postgres.password` and the server's pg_hba.conf."
        )),
        "3D000" => Error::NotYet(format!(
            "{location}: {text}. Create the database (CREATE DATABASE … ENCODING 'UTF8'), or name the right one."
        )),
        "42501" => Error::NotYet(format!("{location}: {text}. Grant CONNECT on it to \"{user}\".")),
        "53300" => Error::Unavailable(format!(
            "{location}: {text}. Raise max_connections, or lower `postgres.pool` and `postgres.readers`."
        )),
        _ => Error::Unavailable(format!("{location}: {text}")),
    }
}

fn code(cause: &dyn DatabaseError) -> String {
    cause.code().map_or_else(String::new, Cow::into_owned)
}

fn severity(error: &sqlx::Error) -> Option<PgSeverity> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity)
}
