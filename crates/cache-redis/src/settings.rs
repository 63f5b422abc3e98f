//! Every setting of a process's cache, its default and its bounds.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The cache of a process. Without `redis` it is in this process only.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What is kept in this process, in bytes with overhead.
    pub capacity_bytes: u64,
    /// With Redis: how long a copy is kept in this process, in milliseconds; the longest a change made elsewhere goes unseen. Short by
    /// default: who has changed something through one process reads it through another right after.
    pub near_ttl_ms: u64,
    /// The cache that all processes share.
    pub redis: Option<RedisSettings>,
}

/// How to reach Redis, and what it may cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// What the URL names.
    pub mode: Mode,
    /// `redis://[user[:password]@]host[:port][/database]`, with TLS `rediss://…`. Not shown, for it may hold the password.
    #[serde(skip_serializing)]
    pub url: SecretString,
    /// The password, where it is not to stand in the URL.
    #[serde(skip_serializing)]
    pub password: Option<SecretString>,
    /// PEM file of the authority that signed the server's certificate; not set: the system's.
    pub ca_file: Option<PathBuf>,
    /// What keys and the channel begin with. Processes of one Myriad have the same.
    pub prefix: String,
    /// How long an operation may take, with waiting for a connection and making one, in milliseconds.
    pub budget_ms: u64,
    /// Connections, at most.
    pub pool: usize,
    /// After so many failures in a row nothing is asked any more until the pause is over.
    pub failures: u32,
    /// The first pause, in milliseconds; each further one is twice as long.
    pub pause_min_ms: u64,
    /// The longest pause, in milliseconds: by then a Redis that is back is used again.
    pub pause_max_ms: u64,
}

/// What the URL names. More will come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One server.
    #[default]
    Single,
}

/// A setting that cannot be used; names the key and the fix.
#[derive(Debug, thiserror::Error)]
#[error("{key} {problem}")]
pub struct Unusable {
    key: &'static str,
    problem: String,
}

impl Unusable {
    pub(crate) fn new(key: &'static str, problem: impl fmt::Display) -> Self {
        Self { key, problem: problem.to_string() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity_bytes: cache::Settings::default().capacity_bytes, near_ttl_ms: 1, redis: None }
    }
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Single,
            url: "redis://127.0.0.1:6379".into(),
            password: None,
            ca_file: None,
            prefix: "myriad".to_owned(),
            budget_ms: 50,
            pool: 8,
            failures: 5,
            pause_min_ms: 100,
            pause_max_ms: 1_000,
        }
    }
}

impl Settings {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// Names the key, below `cache`, and the fix.
    pub fn validate(&self) -> Result<(), Unusable> {
        if !(1..=1_000).contains(&self.near_ttl_ms) {
            let problem = format!("is {}: use 1 to 1000, so that changes are seen within a second", self.near_ttl_ms);
            return Err(Unusable::new("cache.near_ttl_ms", problem));
        }
        self.redis.as_ref().map_or(Ok(()), RedisSettings::validate)
    }
}

impl RedisSettings {
    fn validate(&self) -> Result<(), Unusable> {
        // A channel and keys with a brace of their own would be spread wrongly in a cluster.
        if self.prefix.is_empty()
            || !self.prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return Err(Unusable::new("cache.redis.prefix", "must be letters, digits, '-', '_' and '.' of ASCII"));
        }
        for (key, value, (least, most)) in [
            ("cache.redis.budget_ms", self.budget_ms, (1, 10_000)),
            ("cache.redis.pool", self.pool as u64, (1, 1_000)),
            ("cache.redis.failures", u64::from(self.failures), (1, 1_000)),
            ("cache.redis.pause_min_ms", self.pause_min_ms, (1, self.pause_max_ms)),
            ("cache.redis.pause_max_ms", self.pause_max_ms, (1, 60_000)),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Unusable::new(key, format!("is {value}: use {least} to {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_the_key_and_the_fix() {
        assert!(Settings { redis: Some(RedisSettings::default()), ..Settings::default() }.validate().is_ok());
        let near = Settings { near_ttl_ms: 60_000, ..Settings::default() };
        assert!(near.validate().unwrap_err().to_string().starts_with("cache.near_ttl_ms is 60000: use"));
        for (redis, key) in [
            (RedisSettings { budget_ms: 0, ..RedisSettings::default() }, "cache.redis.budget_ms"),
            (RedisSettings { pool: 0, ..RedisSettings::default() }, "cache.redis.pool"),
            (RedisSettings { failures: 0, ..RedisSettings::default() }, "cache.redis.failures"),
            (RedisSettings { pause_min_ms: 9_000, ..RedisSettings::default() }, "cache.redis.pause_min_ms"),
            (RedisSettings { prefix: "a{b}".to_owned(), ..RedisSettings::default() }, "cache.redis.prefix"),
        ] {
            let settings = Settings { redis: Some(redis), ..Settings::default() };
            let error = settings.validate().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }

    #[test]
    fn neither_password_nor_url_is_ever_shown() {
        let redis = RedisSettings {
            url: "redis://someone:hidden@example.com".into(),
            password: Some("hidden".into()),
            ..RedisSettings::default()
        };
        let settings = Settings { redis: Some(redis), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hidden"));
        let shown = serde_json::to_string(&settings).unwrap();
        assert!(shown.contains("budget_ms") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn unknown_keys_are_refused_and_all_others_have_defaults() {
        let read = |text| serde_json::from_str::<Settings>(text);
        assert!(read("{}").unwrap().redis.is_none());
        assert_eq!(read(r#"{"redis": {"pool": 2}}"#).unwrap().redis.unwrap().pool, 2);
        assert!(read(r#"{"redis": {"pol": 2}}"#).unwrap_err().to_string().contains("pol"));
    }
}
