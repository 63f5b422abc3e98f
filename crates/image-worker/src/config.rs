//! Every setting of the worker, with its default and its bounds.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use runtime::grpc::ServiceKey;
use runtime::process::Configuration;
use serde::{Deserialize, Serialize};

/// Settings of the worker as a process of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where health and metrics are served.
    pub ops: SocketAddr,
    /// The key by which services know one another, alike in all of them; `file:/path` reads it from a file.
    pub service_key: ServiceKey,
    /// The user-service's gRPC address, or several with commas between.
    pub user_service: String,
    /// Where pictures are, shared with the gateway; not set: the directory `myriad-data/objects`.
    pub objects: objects::Settings,
    /// The broker that jobs come from. Needed: jobs of the in-process queue never leave `myriad serve`.
    pub rabbitmq: Option<queue_rabbitmq::Settings>,
    /// Logs and traces.
    pub telemetry: runtime::telemetry::Settings,
    /// The work itself.
    pub worker: Settings,
}

/// How pictures are worked on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The executable that is run with `transform`; this one where it is not set.
    pub transformer: Option<PathBuf>,
    /// Where a job's files lie while it is worked on; the system's directory for temporary files where it is not set.
    pub scratch_dir: Option<PathBuf>,
    /// Megapixels of sources that are worked on at once. A larger picture is worked on alone.
    pub megapixels: u32,
    /// Jobs that are held at once, and so processes; 0 means two for each core.
    pub jobs: usize,
    /// Memory that one transformation may take beyond what its process starts with, in MiB. The largest picture as WebP or
    /// AVIF takes 1500.
    pub memory_mib: u64,
    /// Processor time of one transformation, in seconds.
    pub cpu_s: u64,
    /// Time of one transformation on the clock, in seconds.
    pub time_s: u64,
    /// How far transformations stand back for everything else, 0 to 19.
    pub niceness: u8,
    /// How long jobs may go on after the soft signal, in milliseconds; what is not finished then is given back.
    pub drain_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ops: ([127, 0, 0, 1], 7302).into(),
            service_key: ServiceKey::default(),
            user_service: "http://127.0.0.1:7101".to_owned(),
            objects: objects::Settings::default(),
            rabbitmq: None,
            telemetry: runtime::telemetry::Settings::default(),
            worker: Settings::default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transformer: None,
            scratch_dir: None,
            megapixels: 50,
            jobs: 0,
            memory_mib: 2048,
            cpu_s: 120,
            time_s: 180,
            niceness: 5,
            drain_ms: 6_000,
        }
    }
}

impl Configuration for Config {
    fn telemetry(&self) -> &runtime::telemetry::Settings {
        &self.telemetry
    }

    fn validate(&self) -> Result<()> {
        self.objects.validate().context("objects")?;
        if let Some(rabbitmq) = &self.rabbitmq {
            rabbitmq.validate().context("rabbitmq")?;
        }
        self.worker.validate()
    }
}

impl Settings {
    /// Rules that types cannot say.
    ///
    /// # Errors
    /// Names the key and the fix.
    pub fn validate(&self) -> Result<()> {
        ensure!(self.megapixels > 0, "worker.megapixels is 0: set it to 1 or more");
        ensure!(self.memory_mib >= 64, "worker.memory_mib is {}: set it to 64 or more", self.memory_mib);
        ensure!(self.cpu_s > 0, "worker.cpu_s is 0: set it to 1 or more");
        ensure!(self.time_s > 0, "worker.time_s is 0: set it to 1 or more");
        ensure!(self.niceness <= 19, "worker.niceness is {}: set it to 19 or less", self.niceness);
        ensure!(self.drain_ms <= 60_000, "worker.drain_ms is {}: set it to 60000 or less", self.drain_ms);
        Ok(())
    }

    /// Jobs that are held at once.
    pub fn jobs(&self) -> usize {
        match self.jobs {
            0 => 2 * std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_mistake_names_its_key() {
        Config::default().validate().unwrap();
        let wrong = Settings { memory_mib: 1, ..Settings::default() };
        assert!(wrong.validate().unwrap_err().to_string().contains("worker.memory_mib"));
        let rabbitmq =
            queue_rabbitmq::Settings { url: "http://broker".to_owned(), ..queue_rabbitmq::Settings::default() };
        let refused = Config { rabbitmq: Some(rabbitmq), ..Config::default() }.validate().unwrap_err();
        assert!(format!("{refused:#}").starts_with("rabbitmq"), "{refused:#}");
    }
}
