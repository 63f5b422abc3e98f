//! Making a connection: every setting this engine relies on is said at its start, none is left to the server's defaults.

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use store::{Error, Result};
use tokio::time::timeout;

use crate::{Location, Settings, Tls, error, settings::ms, statement};

/// Prepared statements kept on each connection: more than there are in the program.
const STATEMENTS: usize = 256;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Write transactions.
    Write,
    /// Reading statements. The server refuses all else on it.
    Read,
    /// Asking how far the server is. As `Read`, and apart from it: who waits for nothing else is answered at once.
    Watch,
}

/// How a database's connections are made.
pub struct Connector {
    location: Location,
    settings: Settings,
    options: PgConnectOptions,
}

impl Connector {
    pub fn new(location: &Location, settings: &Settings, purpose: Purpose) -> Self {
        Self { location: location.clone(), settings: settings.clone(), options: options(location, settings, purpose) }
    }

    /// A new connection, within its time.
    pub async fn connect(&self) -> Result<PgConnection> {
        match timeout(ms(self.settings.connect_ms), self.options.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(cause)) => Err(error::cannot_connect(&self.location, &self.settings, &cause)),
            Err(_) => Err(Error::Unavailable(format!(
                "{} did not answer within {} ms",
                self.location, self.settings.connect_ms
            ))),
        }
    }
}

fn options(location: &Location, settings: &Settings, purpose: Purpose) -> PgConnectOptions {
    let mode = match settings.tls {
        Tls::Disable => PgSslMode::Disable,
        Tls::Prefer => PgSslMode::Prefer,
        Tls::Require => PgSslMode::Require,
        Tls::VerifyCa => PgSslMode::VerifyCa,
        Tls::VerifyFull => PgSslMode::VerifyFull,
    };
    // No password file: what is not in the settings is not used.
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&location.host)
        .port(location.port)
        .database(&location.database)
        .username(&settings.user)
        .password(settings.password.as_ref().map_or("", |password| password.expose_secret()))
        .ssl_mode(mode)
        .application_name(&settings.application_name)
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("statement_timeout", settings.statement_ms.to_string()),
            ("lock_timeout", settings.lock_ms.to_string()),
            ("idle_in_transaction_session_timeout", settings.idle_in_transaction_ms.to_string()),
            // Our statements are short. Where a plan looks dear, because a new shard has no statistics yet, compiling it or starting
            // processes for it takes fifty times as long as running it.
            ("jit", "off".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
        ]);
    if purpose != Purpose::Write {
        options = options.options([("default_transaction_read_only", "on")]);
    }
    if let Some(ca) = &settings.tls_ca {
        options = options.ssl_root_cert(ca);
    }
    options.disable_statement_logging()
}

/// Refuses a server on which this engine could not keep its word.
pub async fn check_server(connection: &mut PgConnection, location: &Location) -> Result<()> {
    let sql = "SELECT current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('full_page_writes'), current_setting('server_version_num')::bigint";
    let reply = statement::run(connection, sql, &[]).await.map_err(|cause| error::statement(&cause))?;
    let rows = statement::rows(&reply.rows)?;
    let Some(row) = rows.first() else { return Ok(()) };
    require_version(location, row.int(4)?)?;
    if row.str(0)? != "UTF8" {
        return Err(Error::Unusable(format!(
            "{location} stores text as {}: create the database anew with ENCODING 'UTF8' TEMPLATE template0.",
            row.str(0)?
        )));
    }
    if row.str(1)? == "off" {
        return Err(Error::Unusable(format!(
            "{location} acknowledges commits before they are on the disk (synchronous_commit = off): set it to on."
        )));
    }
    if row.str(2)? == "off" || row.str(3)? == "off" {
        tracing::warn!(store.location = %location, "fsync or full_page_writes is off: a power cut loses what was acknowledged");
    }
    Ok(())
}

/// The oldest server that this engine is tried on.
const OLDEST: i64 = 15;

/// `number` as the server gives it: 150020 is 15.20.
fn require_version(location: &Location, number: i64) -> Result<()> {
    if number >= OLDEST * 10_000 {
        return Ok(());
    }
    Err(Error::Unusable(format!(
        "{location} runs PostgreSQL {}.{}: {OLDEST} is the oldest that is supported. Upgrade it.",
        number / 10_000,
        number % 10_000
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_older_than_supported_is_refused_with_its_version() {
        let location: Location = "db/shard".parse().unwrap();
        assert!(require_version(&location, 150_000).is_ok() && require_version(&location, 170_002).is_ok());
        let refused = require_version(&location, 140_011).unwrap_err().to_string();
        assert!(refused.contains("runs PostgreSQL 14.11") && refused.contains("15"), "{refused}");
    }
}
