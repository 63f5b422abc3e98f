//! How far a server is in its log, and whether it follows another: asked often, so on a connection of its own and with little patience.

use std::time::Duration;

use store::{Error, Progress, Result};

use crate::{
    Settings, error,
    pool::{Lease, Pool},
    statement,
    transaction::within,
};

/// How long an answer may take: whoever is slower is not to be read from.
const PATIENCE_MS: u32 = 500;

/// A primary names the timeline of its log's end. A replica cannot: the later of two places in its control file may be older than
/// what it has replayed, never newer. A position on an older timeline counts for less, so the doubt falls on the safe side.
const ASK: &str = "SELECT system.system_identifier::text, pg_is_in_recovery()::int, \
     CASE WHEN pg_is_in_recovery() THEN greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline)::bigint \
     ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::bigint END, \
     (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint \
     FROM pg_control_system() AS system, pg_control_checkpoint() AS checkpoint, pg_control_recovery() AS recovery";

/// The settings of the connection that asks.
pub fn impatient(settings: &Settings) -> Settings {
    Settings {
        acquire_ms: PATIENCE_MS,
        connect_ms: settings.connect_ms.min(PATIENCE_MS),
        statement_ms: settings.statement_ms.min(PATIENCE_MS),
        ..settings.clone()
    }
}

/// Asks. A connection that has gone stale is replaced once.
pub async fn ask(watcher: &Pool) -> Result<Progress> {
    let mut lease = watcher.acquire().await?;
    loop {
        match ask_on(&mut lease).await? {
            Ok(progress) => {
                watcher.give_back(lease);
                return progress;
            }
            Err(cause) if error::evicts(&cause) && lease.reused => watcher.renew(&mut lease).await?,
            Err(cause) => {
                watcher.evict(lease);
                return Err(error::statement(&cause));
            }
        }
    }
}

/// Refuses a new connection to a replica that is not as far as it was said to be.
///
/// A replica that crashed takes reads again from where its files are, which may be before what it had shown. Its old connections are
/// gone then, so who holds one that was looked at when it was made sees nothing older.
pub async fn require(lease: &mut Lease, told: u64) -> Result<()> {
    let sql = "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint";
    let patience = Duration::from_millis(PATIENCE_MS.into());
    let reply = within(patience, statement::run(lease.connection(), sql, &[])).await?;
    let rows = statement::rows(&reply.map_err(|cause| error::statement(&cause))?.rows)?;
    match rows.first().map(|row| row.u64(0)) {
        Some(Ok(log)) if log >= told => Ok(()),
        _ => Err(Error::Unavailable("the replica is not as far as it was: it was started again".to_owned())),
    }
}

async fn ask_on(lease: &mut Lease) -> Result<sqlx::Result<Result<Progress>>> {
    let patience = Duration::from_millis(PATIENCE_MS.into());
    let reply = within(patience, statement::run(lease.connection(), ASK, &[])).await?;
    Ok(reply.map(|reply| {
        let rows = statement::rows(&reply.rows)?;
        let row = rows.first().ok_or_else(|| Error::Unavailable("the server does not say where it is".to_owned()))?;
        let server = row.str(0)?.parse();
        Ok(Progress {
            server: server.map_err(|_| Error::Corrupt("the system identifier is no number".to_owned()))?,
            is_replica: row.int(1)? == 1,
            role_epoch: row.u64(2)?,
            log: row.u64(3)?,
        })
    }))
}
