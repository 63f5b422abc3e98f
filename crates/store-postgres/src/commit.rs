//! COMMIT and its position, in one round trip, and what an answer that is missing means.

use std::time::Duration;

use sqlx::{PgConnection, postgres::PgRow};
use store::{Commit, Error, Result};
use tokio::time::timeout;

use crate::{error, statement};

/// Three statements at once.
///
/// - The first is refused in a transaction that has failed, where COMMIT alone would roll back and call that a success. It also
///   lifts the statement timeout: a wait for a synchronous standby that is cancelled by it is *acknowledged*, unreplicated.
/// - The last says up to where the log is on the disk, which is at or after the commit's record and rises with every commit, and
///   on which timeline: both together cost a microsecond of the server's, no round trip, and nothing that could be stale is cached.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT; \
     SELECT (lsn - '0/0')::bigint, pg_walfile_name(lsn) FROM pg_current_wal_flush_lsn() AS lsn";

/// Statements that have ended once the transaction is committed.
const COMMITTED: usize = 2;

/// What COMMIT came to.
pub struct Committed {
    pub outcome: Result<Commit>,
    /// Whether the connection is in order.
    pub reusable: bool,
}

/// Commits the transaction that is open.
pub async fn commit(connection: &mut PgConnection, patience: Duration) -> Committed {
    let mut ended = 0;
    let answer = timeout(patience, statement::script(connection, COMMIT.to_owned(), &mut ended)).await;
    match answer {
        Ok(Ok(rows)) => Committed { outcome: position(&rows), reusable: true },
        Ok(Err(cause)) if ended < COMMITTED && error::commit_is_refused(&cause) => {
            // Refused in the first statement or in COMMIT: the transaction is over or about to be, and closing makes sure.
            Committed { outcome: Err(error::statement(&cause)), reusable: false }
        }
        Ok(Err(cause)) => Committed { outcome: Err(Error::InDoubt(cause.to_string())), reusable: false },
        Err(_) => {
            let text = format!("COMMIT was not answered within {} ms", patience.as_millis());
            Committed { outcome: Err(Error::InDoubt(text)), reusable: false }
        }
    }
}

fn position(rows: &[PgRow]) -> Result<Commit> {
    let rows = statement::rows(rows)?;
    let read = rows.first().and_then(|row| {
        let log = row.u64(0).ok()?;
        // The first eight hexadecimal digits of a log file's name are the timeline, which rises with every promotion.
        let role_epoch = u64::from_str_radix(row.str(1).ok()?.get(..8)?, 16).ok()?;
        Some(Commit { role_epoch, log })
    });
    // Committed it is, but a caller without a position could not ask for its own write.
    read.ok_or_else(|| Error::InDoubt("the commit's position cannot be read".to_owned()))
}
