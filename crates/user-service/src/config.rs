//! Every setting of the service, with its default and its bounds.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use runtime::{grpc::ServiceKey, process::Configuration, telemetry};
use serde::{Deserialize, Serialize};

/// Settings. Durations are milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served when the service is a process of its own.
    pub grpc: SocketAddr,
    /// Where health and metrics are served when the service is a process of its own.
    pub ops: SocketAddr,
    /// The key by which services know one another, alike in all of them; `file:/path` reads it from a file. Without it gRPC is
    /// served on loopback only.
    pub service_key: ServiceKey,
    /// The shard-router's gRPC address, or several with commas between.
    pub router: String,
    /// Where the last topology is, and shard files and objects where they are files.
    pub data_dir: PathBuf,
    /// Bounds of what one user may have.
    pub limits: Limits,
    /// Sign-ups and changes of e-mail.
    pub claims: Claims,
    /// The outbox dispatcher.
    pub outbox: Outbox,
    /// Pictures.
    pub images: Images,
    /// The recent feed.
    pub feed: Feed,
    /// What is cleaned up, and when.
    pub sweeper: Sweeper,
    /// How passwords are hashed. As a process of its own only; in one process there is one pool.
    pub password: password::Settings,
    /// Who this process is in databases that ask for it. As a process of its own only, as all that follows.
    pub engines: engines::Settings,
    /// The cache in this process and, where it is set, the one that all processes share.
    pub cache: cache_redis::Settings,
    /// The broker of jobs. Not set: jobs stay in the outbox, for there is no worker beside this process.
    pub rabbitmq: Option<queue_rabbitmq::Settings>,
    /// Where pictures are; not set: `objects` in `data_dir`.
    pub objects: objects::Settings,
    /// Logs and traces. As a process of its own only.
    pub telemetry: telemetry::Settings,
}

/// Bounds of what one user may have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Pictures.
    pub pictures: u32,
    /// Pictures that are queued or running.
    pub running_jobs: u32,
    /// Wrong passwords an account may see, here at changes of password. As a process of its own only; in one process sign-ins count too.
    pub wrong_passwords: password::AttemptSettings,
}

/// Sign-ups and changes of e-mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Claims {
    /// After this long a reservation, or a started sign-up, counts as left behind.
    pub deadline_ms: u32,
}

/// The outbox dispatcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbox {
    /// How often the table is looked at where nothing pokes the dispatcher.
    pub poll_ms: u32,
    /// Jobs that may be with the queue, unconfirmed, per shard.
    pub jobs_in_flight: u32,
    /// Other events worked on at once, per shard.
    pub events_in_flight: u32,
    /// First wait after a failure.
    pub backoff_base_ms: u32,
    /// Longest wait after a failure.
    pub backoff_max_ms: u32,
    /// Whether a change also tells other processes' caches. Off saves a row a write where there is one process.
    pub invalidate: bool,
}

/// Pictures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// Attempts at a job.
    pub attempts: u32,
    /// How often a watched image is read where nothing tells of its change (another instance may have made it).
    pub watch_poll_ms: u32,
    /// How long the source of a failed image is kept.
    pub failed_source_ms: u32,
}

/// The recent feed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Pictures in it; beyond, the oldest are left out. Alike in all instances.
    pub entries: u32,
    /// How often it is looked whether it is there. Where it is not, it is built again from the shards.
    pub look_ms: u32,
    /// How long a difference between it and the shards must last before it counts as drift: as long as events may take.
    pub drift_ms: u32,
}

/// What is cleaned up, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweeper {
    /// How often reservations past their deadline are looked for.
    pub claims_every_ms: u32,
    /// How often recorded answers and consumed messages are looked at.
    pub records_every_ms: u32,
    /// How long a recorded answer is kept.
    pub idempotency_ms: u32,
    /// How long a consumed message is remembered.
    pub inbox_ms: u32,
    /// How often objects without a row are looked for.
    pub objects_every_ms: u32,
    /// How old an object has to be before it counts as left behind.
    pub objects_grace_ms: u32,
}

const MINUTE: u32 = 60_000;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

impl Default for Config {
    fn default() -> Self {
        Self {
            grpc: ([127, 0, 0, 1], 7101).into(),
            ops: ([127, 0, 0, 1], 7102).into(),
            service_key: ServiceKey::default(),
            router: "http://127.0.0.1:7401".to_owned(),
            data_dir: PathBuf::from("myriad-data"),
            limits: Limits::default(),
            claims: Claims::default(),
            outbox: Outbox::default(),
            images: Images::default(),
            feed: Feed::default(),
            sweeper: Sweeper::default(),
            password: password::Settings::default(),
            engines: engines::Settings::default(),
            cache: cache_redis::Settings::default(),
            rabbitmq: None,
            objects: objects::Settings::default(),
            telemetry: telemetry::Settings::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { pictures: 10_000, running_jobs: 20, wrong_passwords: password::AttemptSettings::default() }
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self { deadline_ms: 10_000 }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            poll_ms: 1_000,
            jobs_in_flight: 64,
            events_in_flight: 256,
            backoff_base_ms: 1_000,
            backoff_max_ms: MINUTE,
            invalidate: true,
        }
    }
}

impl Default for Images {
    fn default() -> Self {
        Self { attempts: 3, watch_poll_ms: 2_000, failed_source_ms: DAY }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self { entries: 100_000, look_ms: 1_000, drift_ms: 10_000 }
    }
}

impl Default for Sweeper {
    fn default() -> Self {
        Self {
            claims_every_ms: 5_000,
            records_every_ms: 10 * MINUTE,
            idempotency_ms: DAY,
            inbox_ms: 7 * DAY,
            objects_every_ms: HOUR,
            objects_grace_ms: DAY,
        }
    }
}

impl Configuration for Config {
    fn telemetry(&self) -> &telemetry::Settings {
        &self.telemetry
    }

    fn validate(&self) -> Result<()> {
        let at_least_one = [
            ("limits.pictures", self.limits.pictures),
            ("limits.running_jobs", self.limits.running_jobs),
            ("claims.deadline_ms", self.claims.deadline_ms),
            ("outbox.poll_ms", self.outbox.poll_ms),
            ("outbox.jobs_in_flight", self.outbox.jobs_in_flight),
            ("outbox.events_in_flight", self.outbox.events_in_flight),
            ("outbox.backoff_base_ms", self.outbox.backoff_base_ms),
            ("images.attempts", self.images.attempts),
            ("images.watch_poll_ms", self.images.watch_poll_ms),
            ("feed.entries", self.feed.entries),
            ("feed.look_ms", self.feed.look_ms),
            ("sweeper.claims_every_ms", self.sweeper.claims_every_ms),
            ("sweeper.records_every_ms", self.sweeper.records_every_ms),
            ("sweeper.objects_every_ms", self.sweeper.objects_every_ms),
        ];
        for (key, value) in at_least_one {
            ensure!(value > 0, "{key} is 0: set it to 1 or more");
        }
        ensure!(
            self.outbox.backoff_max_ms >= self.outbox.backoff_base_ms,
            "outbox.backoff_max_ms is below outbox.backoff_base_ms: raise it"
        );
        ensure!(
            self.sweeper.objects_grace_ms >= MINUTE,
            "sweeper.objects_grace_ms is below {MINUTE}: an upload under way would be taken for left behind; raise it"
        );
        self.engines.validate().map_err(|problem| anyhow!("engines.{problem}"))?;
        self.cache.validate()?;
        if let Some(rabbitmq) = &self.rabbitmq {
            rabbitmq.validate().context("rabbitmq")?;
        }
        self.objects.validate().context("objects")?;
        Ok(self.password.validate()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_the_configuration_names_the_key() {
        let mut config = Config::default();
        assert!(config.validate().is_ok());
        config.images.attempts = 0;
        assert!(config.validate().unwrap_err().to_string().contains("images.attempts"));
    }
}
