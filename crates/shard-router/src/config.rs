//! The router's settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use runtime::grpc::ServiceKey;
use runtime::process::Configuration;
use runtime::telemetry;
use serde::{Deserialize, Serialize};

use crate::domain::first_map::MAX_SHARDS;
use crate::error::Error;
use crate::moving::Settings as MoveSettings;

/// In a shard location: the number of the shard.
const NUMBER: &str = "{n}";

/// Every setting of the router. From a file, from `MYRIAD_SHARD_ROUTER__…` variables, from flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where `catalog.db` and the embedded shards are.
    pub data_dir: PathBuf,
    /// The PostgreSQL database that holds the catalog, `postgres://host:port/database`; not set: `catalog.db` in `data_dir`.
    pub catalog: Option<String>,
    /// The PostgreSQL databases that a new cluster begins with, each written like `catalog`; empty: files in `data_dir`. A single one
    /// with `{n}` in it stands for as many as `shards` says, from 0 on.
    pub shard_locations: Vec<String>,
    /// Who this process is in databases that ask for it.
    pub engines: engines::Settings,
    /// Shards that a new cluster begins with (1 where it is not set). Later starts may repeat the number, never change it.
    pub shards: Option<u32>,
    /// How often the catalog is looked at for changes by another router, in milliseconds; 0 is never.
    pub catch_up_ms: u64,
    /// How buckets move between shards.
    pub moves: MoveSettings,
    /// The key by which services know one another, alike in all of them; `file:/path` reads it from a file. Without it gRPC is
    /// served on loopback only. As a process of its own only.
    pub service_key: ServiceKey,
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
            catalog: None,
            shard_locations: Vec::new(),
            engines: engines::Settings::default(),
            shards: None,
            catch_up_ms: 1000,
            moves: MoveSettings::default(),
            service_key: ServiceKey::default(),
            grpc: SocketAddr::from(([127, 0, 0, 1], 7401)),
            ops: SocketAddr::from(([127, 0, 0, 1], 7402)),
            telemetry: telemetry::Settings::default(),
        }
    }
}

impl Config {
    /// Shards that the catalog must have. Not where a pattern names the databases: their number grows in the settings first, then an
    /// operator's call makes shards of them.
    pub(crate) fn asked(&self) -> Option<u32> {
        self.shards.filter(|_| self.pattern().is_none())
    }

    fn pattern(&self) -> Option<&str> {
        match self.shard_locations.as_slice() {
            [pattern] if pattern.contains(NUMBER) => Some(pattern),
            _ => None,
        }
    }

    fn expanded(&self) -> Vec<String> {
        match self.pattern() {
            Some(pattern) => (0..self.shards.unwrap_or(1)).map(|n| pattern.replace(NUMBER, &n.to_string())).collect(),
            None => self.shard_locations.clone(),
        }
    }

    /// The shard locations in the form that the catalog keeps.
    ///
    /// # Errors
    /// [`Error::Location`] where one is none, or is there twice.
    pub(crate) fn locations(&self) -> crate::Result<Vec<String>> {
        let mut locations = Vec::new();
        for (at, given) in self.expanded().iter().enumerate() {
            let refused = |reason: String| Error::Location(format!("shard_locations[{at}]: {reason}"));
            let location = engines::postgres_location(given).map_err(refused)?;
            if locations.contains(&location) {
                return Err(refused("this database is in the list already".to_owned()));
            }
            locations.push(location);
        }
        Ok(locations)
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
        let named = self.locations()?.len();
        ensure!(named <= MAX_SHARDS as usize, "shard_locations names {named} databases: there may be {MAX_SHARDS}");
        if let Some(shards) = self.shards.filter(|shards| named > 0 && *shards as usize != named) {
            anyhow::bail!("shards is {shards} and shard_locations names {named} databases: leave shards out");
        }
        if let Some(catalog) = &self.catalog {
            engines::postgres_location(catalog).map_err(|reason| anyhow::anyhow!("catalog: {reason}"))?;
        }
        self.moves.validate()?;
        self.engines.validate().map_err(|reason| anyhow::anyhow!("engines.{reason}"))?;
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

    #[test]
    fn locations_are_refused_where_they_are_none_or_there_twice() {
        let with = |locations: &[&str], shards| {
            let shard_locations = locations.iter().map(|location| (*location).to_owned()).collect();
            Config { shard_locations, shards, ..Config::default() }.validate().map_err(|error| error.to_string())
        };
        assert_eq!(with(&["postgres://a/x", "b:5433/x"], Some(2)), Ok(()));
        for (locations, shards, named) in [
            (["postgres://a/x", "a:5432/x"], None, "shard_locations[1]: this database"),
            (
                ["postgres://a/x", "postgres://me:secret@b/x"],
                None,
                "shard_locations[1]: a PostgreSQL location must not",
            ),
            (["postgres://a/x", "shards/local.db.."], Some(3), "shards is 3"),
        ] {
            let refused = with(&locations, shards).unwrap_err();
            assert!(refused.contains(named) && !refused.contains("secret"), "{refused}");
        }
        let pattern =
            Config { shards: Some(3), shard_locations: vec!["shard-{n}.shards/x".to_owned()], ..Config::default() };
        let third = "postgres://shard-2.shards:5432/x".to_owned();
        assert_eq!(pattern.locations().map(|all| (all.len(), all[2].clone())).unwrap(), (3, third));
        assert_eq!((pattern.asked(), Config { shards: Some(3), ..Config::default() }.asked()), (None, Some(3)));
        let catalog = Config { catalog: Some("somewhere".to_owned()), ..Config::default() };
        assert!(catalog.validate().unwrap_err().to_string().starts_with("catalog: "));
    }
}
