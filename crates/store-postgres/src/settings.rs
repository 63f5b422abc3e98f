//! Settings of a process's connections to PostgreSQL: who it is there, how many connections it holds, how long it waits.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Settings for every PostgreSQL database of a process. Durations are milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The role this process connects as.
    pub user: String,
    /// Its password. None where the server asks for none.
    #[serde(skip_serializing)]
    pub password: Option<SecretString>,
    /// Connections that write, at most, for each database. Opened when they are needed.
    pub pool: u32,
    /// Connections that only read, at most, for each database.
    pub readers: u32,
    /// How long a call may wait for a connection before it is told `BUSY`. Below the callers' deadlines.
    pub acquire_ms: u32,
    /// How long a new connection may take.
    pub connect_ms: u32,
    /// How long the server may work on one statement. A second later this side gives up on the server.
    pub statement_ms: u32,
    /// How long a statement may wait for a lock.
    pub lock_ms: u32,
    /// How long a transaction may lie open with nothing asked: a process that stands still lets go of its locks after this.
    pub idle_in_transaction_ms: u32,
    /// How long the answer to COMMIT may take before the write is in doubt. The server's `statement_timeout` does not apply to it.
    pub commit_ms: u32,
    /// A connection older than this is replaced when it is next asked for, so that work spreads over servers that come back.
    pub lifetime_ms: u32,
    /// Whether connections are encrypted and the server's certificate checked.
    pub tls: Tls,
    /// The certificates to check it by; the system's where it is not set.
    pub tls_ca: Option<PathBuf>,
    /// What the server shows this process as.
    pub application_name: String,
}

/// Encryption of connections, in PostgreSQL's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Never.
    Disable,
    /// Where the server can.
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always, and the certificate must be of a known authority.
    VerifyCa,
    /// Always, and the certificate must be of a known authority and of this host.
    VerifyFull,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user: "myriad".to_owned(),
            password: None,
            pool: 8,
            readers: 8,
            acquire_ms: 1_000,
            connect_ms: 2_000,
            statement_ms: 3_000,
            lock_ms: 1_000,
            idle_in_transaction_ms: 2_000,
            commit_ms: 10_000,
            lifetime_ms: 1_800_000,
            tls: Tls::Prefer,
            tls_ca: None,
            application_name: "myriad".to_owned(),
        }
    }
}

impl Settings {
    /// Says which setting is out of its bounds, and what they are.
    ///
    /// # Errors
    /// A sentence that names the setting within `engines.postgres`.
    pub fn validate(&self) -> Result<(), String> {
        let bounds = [
            ("pool", self.pool, 1, 1_000),
            ("readers", self.readers, 1, 1_000),
            ("acquire_ms", self.acquire_ms, 1, 60_000),
            ("connect_ms", self.connect_ms, 10, 60_000),
            ("statement_ms", self.statement_ms, 10, 600_000),
            ("lock_ms", self.lock_ms, 10, 600_000),
            ("idle_in_transaction_ms", self.idle_in_transaction_ms, 100, 600_000),
            ("commit_ms", self.commit_ms, 100, 600_000),
            ("lifetime_ms", self.lifetime_ms, 1_000, u32::MAX),
        ];
        for (name, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(format!("postgres.{name} is {value}: it must be from {least} to {most}"));
            }
        }
        if self.user.is_empty() {
            return Err("postgres.user is empty: name the role this process connects as".to_owned());
        }
        Ok(())
    }

    /// How long this side waits for a statement's answer: longer than the server works on it, so that its own word comes first.
    pub(crate) fn answer(&self) -> Duration {
        ms(self.statement_ms) + Duration::from_secs(1)
    }
}

pub fn ms(milliseconds: u32) -> Duration {
    Duration::from_millis(milliseconds.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let refused = Settings { pool: 0, ..Settings::default() }.validate().unwrap_err();
        assert!(refused.starts_with("postgres.pool is 0"), "{refused}");
        assert!(Settings { user: String::new(), ..Settings::default() }.validate().is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        let settings = Settings { password: Some("hunter2".into()), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
