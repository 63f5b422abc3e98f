//! Which engine runs which database: the one place that knows all of them, for the processes' `main`s.

mod credentials;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Engine, Error, Result};
use store_postgres::{Location, Postgres};
use store_sqlite::{Options, Sqlite};
use topology::{EngineKind, Opener, ShardInfo};

pub use credentials::{Credentials, Login, split_login};
pub use store_postgres::Settings as PostgresSettings;
pub use topology::ReplicaSettings;

/// What a process's engines need beside the topology: where a shard is the topology says, who this process is there is said here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Every PostgreSQL database.
    pub postgres: PostgresSettings,
    /// Reads that only show something, where a shard has replicas.
    pub replicas: ReplicaSettings,
}

impl Settings {
    /// Checks the bounds.
    ///
    /// # Errors
    /// A sentence that names the setting, from `postgres.` on.
    pub fn validate(&self) -> std::result::Result<(), String> {
        self.postgres.validate()?;
        self.replicas.validate()
    }
}

/// Opens shards as the topology describes them; files are relative to `data_dir`.
pub fn opener(data_dir: &Path, settings: &Settings) -> Opener {
    opener_tuned(data_dir, settings, |_| {})
}

/// The same, with a last word on each SQLite database's options.
pub fn opener_tuned(
    data_dir: &Path,
    settings: &Settings,
    tune: impl Fn(&mut Options) + Send + Sync + 'static,
) -> Opener {
    let (data_dir, postgres) = (data_dir.to_owned(), Arc::new(settings.postgres.clone()));
    let tune = Arc::new(tune);
    let (credentials, for_replicas) = (Credentials::of(&data_dir), Arc::clone(&postgres));
    let opener = Opener::new(move |shard: ShardInfo| {
        let (data_dir, postgres, tune) = (data_dir.clone(), Arc::clone(&postgres), Arc::clone(&tune));
        async move {
            match shard.engine {
                EngineKind::Sqlite => {
                    let path = data_dir.join(PathBuf::from(&shard.location));
                    let mut options = Options { name: shard.name, ..Options::at(path) };
                    tune(&mut options);
                    sqlite(options).await
                }
                EngineKind::Postgres => {
                    let postgres = Credentials::of(&data_dir).settings(&shard.name, &postgres)?;
                    self::postgres(&shard.name, &shard.location, &postgres).await
                }
            }
        }
    });
    opener.with_replicas(settings.replicas, move |shard: ShardInfo, location| {
        let engine = replica(&shard, &location, &credentials, &for_replicas);
        async move { engine }
    })
}

/// Opens the catalog: the PostgreSQL database at `location`, or else, of an embedded cluster, `catalog.db` in the data directory.
///
/// # Errors
/// Unusable, with the place, the cause and what to do; unavailable where a server is away.
pub async fn catalog(data_dir: &Path, location: Option<&str>, settings: &Settings) -> Result<Arc<dyn Engine>> {
    match location {
        // Few calls and short ones: a few connections do.
        Some(location) => {
            let few = PostgresSettings { pool: settings.postgres.pool.min(4), readers: 2, ..settings.postgres.clone() };
            postgres("catalog", location, &few).await
        }
        // Read once at the start and seldom written: the smallest cache and one reader do.
        None => sqlite(Options { readers: 1, cache_kib: 256, ..Options::at(data_dir.join("catalog.db")) }).await,
    }
}

/// The location of a PostgreSQL database in the one form that the catalog keeps.
///
/// # Errors
/// A sentence that says what a location looks like, without repeating the one given.
pub fn postgres_location(text: &str) -> std::result::Result<String, String> {
    text.parse::<Location>().map(|location| location.to_string()).map_err(|error| error.to_string())
}

/// Opening takes some milliseconds of file work: not on a thread that serves.
async fn sqlite(options: Options) -> Result<Arc<dyn Engine>> {
    let opened = tokio::task::spawn_blocking(move || Sqlite::open(&options)).await;
    let opened = opened.map_err(|_| Error::Unavailable("the process is stopping".to_owned()))?;
    Ok(opened?)
}

/// A replica takes the credentials of its shard: its roles are copies too.
fn replica(
    shard: &ShardInfo,
    location: &str,
    credentials: &Credentials,
    postgres: &PostgresSettings,
) -> Result<Arc<dyn Engine>> {
    let name = format!("{} at {location}", shard.name);
    if shard.engine != EngineKind::Postgres {
        return Err(Error::Unusable(format!("{} runs on a file: it cannot have replicas", shard.name)));
    }
    let location: Location = location.parse().map_err(|error| Error::Unusable(format!("{name}: {error}")))?;
    Ok(Postgres::replica(&name, &location, &credentials.settings(&shard.name, postgres)?)?)
}

async fn postgres(name: &str, location: &str, settings: &PostgresSettings) -> Result<Arc<dyn Engine>> {
    let location: Location = location.parse().map_err(|error| Error::Unusable(format!("{name}: {error}")))?;
    Ok(Postgres::open(name, &location, settings).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_and_never_written() {
        let settings: Settings =
            serde_json::from_str(r#"{"postgres": {"user": "me", "password": "hunter2", "pool": 3}}"#).unwrap();
        assert!(settings.postgres.password.is_some());
        let shown = serde_json::to_string(&settings).unwrap();
        assert!(shown.contains("\"pool\":3") && !shown.contains("hunter2"), "{shown}");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"postgres": {"paswort": "x"}}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"mysql": {}}"#).is_err());
    }
}
