//! The router's settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use runtime::process::Configuration;
use runtime::telemetry;
use serde::{Deserialize, Serialize};

use crate::domain::first_map::MAX_SHARDS;

/// Every setting of the router. From a file, from `MYRIAD_SHARD_ROUTER__…` variables, from flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where `catalog.db` and the embedded shards are.
    pub data_dir: PathBuf,
    /// Shards that a new cluster begins with (1 where it is not set). Later starts may repeat the number, never change it.
    pub shards: Option<u32>,
    /// How often the catalog is looked at for changes by another router, in milliseconds; 0 is never.
    pub catch_up_ms: u64,
    /// Where gRPC is served. As a process of its own only.
    pub grpc: SocketAddr,
    /// Where health and metrics are served. As a process of its own only.
    pub ops: SocketAddr,
    /// Logs and traces. As a process of its own only.
    pub telemetry: telemetry::Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("myriad-data"),
            shards: None,
            catch_up_ms: 1000,
            grpc: SocketAddr::from(([127, 0, 0, 1], 7401)),
            ops: SocketAddr::from(([127, 0, 0, 1], 7402)),
            telemetry: telemetry::Settings::default(),
        }
    }
}

impl Configuration for Config {
    fn telemetry(&self) -> &telemetry::Settings {
        &self.telemetry
    }

    fn validate(&self) -> Result<()> {
        ensure!(!self.data_dir.as_os_str().is_empty(), "data_dir is empty: name the directory of the catalog");
        if let Some(shards) = self.shards {
            ensure!((1..=MAX_SHARDS).contains(&shards), "shards is {shards}: it must be from 1 to {MAX_SHARDS}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        assert!(Config::default().validate().is_ok());
        for shards in [0, MAX_SHARDS + 1] {
            let refused = Config { shards: Some(shards), ..Config::default() }.validate().unwrap_err();
            assert!(refused.to_string().starts_with("shards is"), "{refused}");
        }
    }
}
