//! Where the broker is, who we are to it, and how patient we are.

use std::time::Duration;

use lapin::uri::{AMQPUri, AMQPUserInfo};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// A password that begins so is read from the file it names.
const FROM_FILE: &str = "file:";

/// Settings of either end. Both ends of a queue must name the same queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The broker: `amqp://host:port/vhost`, or `amqps://` for TLS. Without user and password, which have keys of their own.
    pub url: String,
    /// Whom the broker knows.
    pub user: String,
    /// The user's password; `file:/path` reads it from a file. Never printed.
    #[serde(skip_serializing)]
    pub password: Option<SecretString>,
    /// Name of the exchange and of the queue; dead letters go to both of this name with `.dead`.
    pub queue: String,
    /// How often the broker delivers a job again after a worker gave it back or died with it, before it is a dead letter. Far above the
    /// attempts of an image, which user-service counts: this one is for what kills workers or is never answered. Of a queue that exists
    /// already, its own holds.
    pub delivery_limit: u32,
    /// Jobs that the broker gives to one worker before it has answered for any; 0 means what the worker asks for.
    pub prefetch: u16,
    /// A worker's first wait before a failed job goes back, in milliseconds. Doubled with each delivery.
    pub retry_base_ms: u64,
    /// The longest such wait, in milliseconds. The job is held meanwhile and counts for the prefetch.
    pub retry_max_ms: u64,
    /// A broker that is silent for twice this long, in seconds, is given up.
    pub heartbeat_s: u16,
    /// How long a connection may take, in milliseconds.
    pub connect_ms: u64,
    /// The longest wait between two attempts to connect, in milliseconds.
    pub reconnect_max_ms: u64,
    /// How long one publishing may take until the broker's confirmation, in milliseconds.
    pub confirm_ms: u64,
    /// Jobs published at once; others wait for their turn.
    pub in_flight: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "amqp://127.0.0.1:5672".to_owned(),
            user: "myriad".to_owned(),
            password: None,
            queue: "myriad.jobs".to_owned(),
            delivery_limit: 1_000,
            prefetch: 0,
            retry_base_ms: 1_000,
            retry_max_ms: 30_000,
            heartbeat_s: 10,
            connect_ms: 5_000,
            reconnect_max_ms: 2_000,
            confirm_ms: 5_000,
            in_flight: 64,
        }
    }
}

/// Settings that cannot be used. Says the key and the fix, and no secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none.
    #[error("queue.url is not an address of a broker: write amqp://host:port/vhost or amqps://host:port/vhost")]
    Url,
    /// Credentials in the address would be printed with it.
    #[error("queue.url holds a user or password: move them to queue.user and queue.password")]
    Credentials,
    /// No password.
    #[error("queue.password is not set: give the password of the broker's user {0}, or file:/path of a file with it")]
    NoPassword(String),
    /// The password's file cannot be read.
    #[error("queue.password: cannot read {path}")]
    PasswordFile {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A number out of its bounds.
    #[error("queue.{key} is {value}: set it to {bounds}")]
    Bounds {
        /// Which setting.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        bounds: &'static str,
    },
}

impl Settings {
    /// Rules that types cannot say.
    ///
    /// # Errors
    /// Names the key and the fix.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.address()?;
        let wrong = |key, value: u64, bounds| Err(SettingsError::Bounds { key, value: value.to_string(), bounds });
        if self.queue.is_empty() || self.queue.len() > 200 || !self.queue.bytes().all(|byte| byte.is_ascii_graphic()) {
            let (value, bounds) = (format!("{:?}", self.queue), "1 to 200 characters of ASCII without blanks");
            return Err(SettingsError::Bounds { key: "queue", value, bounds });
        }
        for (key, value) in [
            ("delivery_limit", self.delivery_limit.into()),
            ("heartbeat_s", self.heartbeat_s.into()),
            ("connect_ms", self.connect_ms),
            ("reconnect_max_ms", self.reconnect_max_ms),
            ("confirm_ms", self.confirm_ms),
            ("in_flight", self.in_flight.into()),
            ("retry_base_ms", self.retry_base_ms),
        ] {
            if value == 0 {
                return wrong(key, value, "1 or more");
            }
        }
        if self.in_flight > 1_000 {
            return wrong("in_flight", self.in_flight.into(), "1000 or less");
        }
        // A broker closes the channel of a worker that holds a job for half an hour.
        if self.retry_max_ms < self.retry_base_ms || self.retry_max_ms > 300_000 {
            return wrong("retry_max_ms", self.retry_max_ms, "retry_base_ms or more, and 300000 or less");
        }
        Ok(())
    }

    fn address(&self) -> Result<AMQPUri, SettingsError> {
        let rest = self.url.split_once("://").ok_or(SettingsError::Url)?.1;
        if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
            return Err(SettingsError::Credentials);
        }
        // The parser's own message would repeat the address.
        self.url.parse().map_err(|_| SettingsError::Url)
    }

    /// The address with credentials. Not to be printed.
    pub(crate) fn uri(&self) -> Result<AMQPUri, SettingsError> {
        let mut uri = self.address()?;
        let password = self.password.as_ref().ok_or_else(|| SettingsError::NoPassword(self.user.clone()))?;
        let password = match password.expose_secret().strip_prefix(FROM_FILE) {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| SettingsError::PasswordFile { path: path.to_owned(), source })?
                .trim()
                .to_owned(),
            None => password.expose_secret().to_owned(),
        };
        uri.authority.userinfo = AMQPUserInfo { username: self.user.clone(), password };
        uri.query.heartbeat = Some(self.heartbeat_s);
        uri.query.connection_timeout = Some(self.connect_ms);
        if uri.vhost.is_empty() {
            // `amqp://host/` means the usual one to everybody but the letter of the specification.
            "/".clone_into(&mut uri.vhost);
        }
        Ok(uri)
    }

    /// Where dead letters go.
    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.queue)
    }

    /// How long one publishing may take.
    pub(crate) const fn confirm(&self) -> Duration {
        Duration::from_millis(self.confirm_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_password(url: &str) -> Settings {
        Settings { url: url.to_owned(), password: Some("s3cret".into()), ..Settings::default() }
    }

    #[test]
    fn the_password_is_never_printed_and_reaches_the_address_as_it_is() {
        let settings = Settings { password: Some("a:b/c@d%".into()), ..Settings::default() };
        settings.validate().unwrap();
        assert_eq!(settings.uri().unwrap().authority.userinfo.password, "a:b/c@d%");
        assert!(!format!("{settings:?}").contains("a:b/c@d%"));
    }

    #[test]
    fn a_password_in_the_address_is_refused_without_repeating_it() {
        let error = with_password("amqp://me:hunter2@host").validate().unwrap_err();
        assert!(matches!(error, SettingsError::Credentials) && !error.to_string().contains("hunter2"));
        for wrong in ["", "host:5672", "http://host", "amqp://"] {
            let checked = with_password(wrong).validate();
            assert!(checked.is_err() || wrong == "amqp://", "{wrong}");
        }
    }

    #[test]
    fn the_usual_virtual_host_needs_no_escape() {
        for url in ["amqp://host", "amqp://host/", "amqps://host/%2f"] {
            assert_eq!(with_password(url).uri().unwrap().vhost, "/", "{url}");
        }
        assert_eq!(with_password("amqps://host:5671/jobs").uri().unwrap().vhost, "jobs");
    }

    #[test]
    fn a_missing_password_and_numbers_out_of_bounds_name_their_key() {
        assert!(Settings::default().uri().unwrap_err().to_string().contains("queue.password"));
        let wrong = Settings { in_flight: 0, ..Settings::default() };
        assert!(wrong.validate().unwrap_err().to_string().contains("queue.in_flight"));
        let wrong = Settings { retry_max_ms: 1, ..Settings::default() };
        assert!(wrong.validate().unwrap_err().to_string().contains("queue.retry_max_ms"));
    }
}
