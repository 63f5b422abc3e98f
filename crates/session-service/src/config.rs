//! Every setting, its default and its bounds.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use password::AttemptSettings;
use runtime::grpc::ServiceKey;
use runtime::process::Configuration;
use runtime::telemetry;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::domain::lifetime::Lifetime;

/// Settings of session-service as a process of its own: from a file, from `MYRIAD_SESSION_SERVICE__…` variables, from flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where health and metrics are served.
    pub ops: SocketAddr,
    /// The key by which services know one another, alike in all of them; `file:/path` reads it from a file. Without it gRPC is
    /// served on loopback only.
    pub service_key: ServiceKey,
    /// The shard-router's gRPC address, or several with commas between.
    pub router: String,
    /// Where the last topology is, and shard files where shards are files.
    pub data_dir: PathBuf,
    /// The token keys, `<id>:<64 hexadecimal digits>` separated by commas, the signing one first. Not set: those of the file. Several
    /// processes must all be given the same keys.
    #[serde(skip_serializing)]
    pub token_keys: Option<SecretString>,
    /// The file with the token keys, made on the first start; not set: `token.keys` in `data_dir`.
    pub token_keys_file: Option<PathBuf>,
    /// Sessions and sign-in.
    pub sessions: Settings,
    /// How passwords are hashed.
    pub password: password::Settings,
    /// Who this process is in databases that ask for it.
    pub engines: engines::Settings,
    /// The cache in this process and, where it is set, the one that all processes share.
    pub cache: cache_redis::Settings,
    /// Logs and traces.
    pub telemetry: telemetry::Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from(([127, 0, 0, 1], 7201)),
            ops: SocketAddr::from(([127, 0, 0, 1], 7202)),
            service_key: ServiceKey::default(),
            router: "http://127.0.0.1:7401".to_owned(),
            data_dir: PathBuf::from("myriad-data"),
            token_keys: None,
            token_keys_file: None,
            sessions: Settings::default(),
            password: password::Settings::default(),
            engines: engines::Settings::default(),
            cache: cache_redis::Settings::default(),
            telemetry: telemetry::Settings::default(),
        }
    }
}

impl Configuration for Config {
    fn telemetry(&self) -> &telemetry::Settings {
        &self.telemetry
    }

    fn validate(&self) -> Result<()> {
        ensure!(!self.data_dir.as_os_str().is_empty(), "data_dir is empty: name the directory of this process's files");
        self.engines.validate().map_err(|problem| anyhow!("engines.{problem}"))?;
        self.cache.validate()?;
        self.password.validate()?;
        self.sessions.validate()
    }
}

/// Settings of the sessions themselves, wherever they are served. Durations are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Live sessions a user may have; one more ends the oldest.
    pub per_user: u32,
    /// A session that is not used for this long is over.
    pub idle_ms: i64,
    /// A session is over this long after its sign-in, however much it is used.
    pub absolute_ms: i64,
    /// A session's last use is noted at most this often.
    pub touch_every_ms: i64,
    /// Noted uses are written together, this often.
    pub touch_flush_ms: u64,
    /// After this a sign-in with an Idempotency-Key that has not ended counts as left behind, and a repeat goes on with it.
    pub resume_after_ms: i64,
    /// How long a sign-in's answer is recorded under its Idempotency-Key.
    pub idempotency_ms: i64,
    /// How often sessions that are over are removed.
    pub sweep_every_ms: u64,
    /// Wrong passwords an account may see.
    pub wrong_passwords: AttemptSettings,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_user: 20,
            idle_ms: 14 * DAY,
            absolute_ms: 30 * DAY,
            touch_every_ms: MINUTE,
            touch_flush_ms: 500,
            resume_after_ms: 10_000,
            idempotency_ms: DAY,
            sweep_every_ms: 600_000,
            wrong_passwords: AttemptSettings::default(),
        }
    }
}

impl Settings {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// Names the key and the fix.
    pub fn validate(&self) -> Result<()> {
        let Self { per_user, idle_ms, absolute_ms, touch_every_ms, .. } = *self;
        ensure!((1..=1_000).contains(&per_user), "sessions.per_user is {per_user}: use 1 to 1000");
        ensure!(touch_every_ms >= 1_000, "sessions.touch_every_ms is {touch_every_ms}: use 1000 or more");
        ensure!(
            idle_ms >= 2 * touch_every_ms,
            "sessions.idle_ms is {idle_ms}: use at least twice sessions.touch_every_ms, or sessions in use end"
        );
        ensure!(absolute_ms >= idle_ms, "sessions.absolute_ms is {absolute_ms}: use at least sessions.idle_ms");
        ensure!(
            absolute_ms <= 400 * DAY,
            "sessions.absolute_ms is {absolute_ms}: use at most 34560000000 (400 days, the longest a browser keeps a cookie)"
        );
        for (key, value) in [
            ("resume_after_ms", self.resume_after_ms),
            ("idempotency_ms", self.idempotency_ms),
            ("touch_flush_ms", i64::try_from(self.touch_flush_ms).unwrap_or(i64::MAX)),
            ("sweep_every_ms", i64::try_from(self.sweep_every_ms).unwrap_or(i64::MAX)),
            ("wrong_passwords.window_ms", self.wrong_passwords.window_ms),
            ("wrong_passwords.limit", i64::try_from(self.wrong_passwords.limit).unwrap_or(i64::MAX)),
            ("wrong_passwords.accounts", i64::try_from(self.wrong_passwords.accounts).unwrap_or(i64::MAX)),
        ] {
            ensure!(value >= 1, "sessions.{key} is {value}: use 1 or more");
        }
        Ok(())
    }

    pub(crate) const fn lifetime(&self) -> Lifetime {
        Lifetime { idle_ms: self.idle_ms, absolute_ms: self.absolute_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_the_key_and_the_fix() {
        assert!(Config::default().validate().is_ok());
        for (settings, key) in [
            (Settings { per_user: 0, ..Settings::default() }, "sessions.per_user"),
            (Settings { idle_ms: 60_000, ..Settings::default() }, "sessions.idle_ms"),
            (Settings { absolute_ms: DAY, ..Settings::default() }, "sessions.absolute_ms"),
            (Settings { resume_after_ms: 0, ..Settings::default() }, "sessions.resume_after_ms"),
        ] {
            let error = settings.validate().unwrap_err().to_string();
            assert!(error.starts_with(key) && error.contains("use "), "{error}");
        }
    }

    #[test]
    fn the_configuration_is_shown_without_its_keys() {
        let config = Config { token_keys: Some("1:00ff".into()), ..Config::default() };
        assert!(!runtime::config::print(&config).unwrap().contains("00ff"));
        assert!(!format!("{config:?}").contains("00ff"));
    }
}
