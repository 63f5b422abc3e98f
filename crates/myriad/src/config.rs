//! Settings of `myriad serve`: a section a service. Where a service's section names addresses of its own, they are not used here.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, ensure};
use runtime::{
    grpc::ServiceKey,
    process::Configuration,
    telemetry::{Format, Settings},
};
use serde::{Deserialize, Serialize};

/// Everything that can be set. From a file, from `MYRIAD_SERVE__…` variables, from flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Everything that lasts: databases, pictures, keys.
    pub data_dir: PathBuf,
    /// The operators' port: health, metrics, operators' calls. Never to be reached from outside.
    pub ops: SocketAddr,
    /// Where the services can be called by gRPC, for grpcurl and the curious; not set: nowhere.
    pub grpc: Option<SocketAddr>,
    /// What callers from outside must show there; `file:/path` reads it from a file. Needed where `grpc` is not on loopback.
    pub service_key: ServiceKey,
    /// Logs and traces.
    pub telemetry: Settings,
    /// How passwords are hashed.
    pub password: password::Settings,
    /// The cache.
    pub cache: cache::Settings,
    /// The gateway.
    pub gateway: gateway::Config,
    /// user-service.
    pub user: user_service::Config,
    /// session-service.
    pub session: session_service::Settings,
    /// The image worker.
    pub worker: image_worker::Settings,
    /// shard-router.
    pub router: shard_router::Config,
}

impl Default for Config {
    fn default() -> Self {
        let mut user = user_service::Config::default();
        // There is one process, and with it one cache: it is told directly.
        user.outbox.invalidate = false;
        Self {
            data_dir: PathBuf::from("myriad-data"),
            ops: SocketAddr::from(([127, 0, 0, 1], 8081)),
            grpc: None,
            service_key: ServiceKey::default(),
            telemetry: Settings { format: Format::Pretty, filter: "warn".to_owned(), ..Settings::default() },
            password: password::Settings::default(),
            cache: cache::Settings::default(),
            gateway: gateway::Config::default(),
            user,
            session: session_service::Settings::default(),
            worker: image_worker::Settings::default(),
            router: shard_router::Config::default(),
        }
    }
}

impl Configuration for Config {
    fn telemetry(&self) -> &Settings {
        &self.telemetry
    }

    fn validate(&self) -> Result<()> {
        ensure!(!self.data_dir.as_os_str().is_empty(), "data_dir is empty: name a directory");
        self.password.validate()?;
        Configuration::validate(&self.gateway).context("section gateway")?;
        self.user.validate().context("section user")?;
        self.session.validate().context("section session")?;
        self.worker.validate().context("section worker")?;
        self.router.validate().context("section router")
    }
}
