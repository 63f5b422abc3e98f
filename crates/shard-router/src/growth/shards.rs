//! Shards: what they hold, new ones, and those that are taken out.

use model::ShardId;
use store::{Engine, grants, transfer};
use topology::{EngineKind, ShardInfo, ShardState};

use super::measure::size;
use super::{Growth, Replica, named};
use crate::error::{Error, Result};
use crate::store::{catalog, moves};

/// A shard and what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) info: ShardInfo,
    pub(crate) buckets: usize,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Calls a second, from every process, where they were counted.
    pub(crate) load: Option<u64>,
    pub(crate) replicas: Vec<Replica>,
    /// Why it cannot be asked.
    pub(crate) error: String,
}

/// A database to be a shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewShard {
    pub(crate) location: String,
    pub(crate) name: String,
    /// 0: it gets no share.
    pub(crate) weight: u32,
}

impl Growth {
    /// Every shard that is not removed; with its load, which takes some seconds to count.
    pub(crate) async fn shards(&self, with_load: bool) -> Vec<Status> {
        let topology = self.topology();
        let asked = topology.live_shards().map(|info| async move {
            let load = if with_load { self.load(info).await } else { None };
            Status { load, ..self.status(info.clone()).await }
        });
        futures::future::join_all(asked).await
    }

    pub(crate) async fn status(&self, info: ShardInfo) -> Status {
        let buckets = self.topology().owned_buckets(info.shard_id()).len();
        let ((rows, bytes), error) = match self.measure(info.id).await {
            Ok(held) => (held, String::new()),
            Err(error) => ((0, 0), error.to_string()),
        };
        let replicas = self.replicas_of(&info).await;
        Status { info, buckets, rows, bytes, load: None, replicas, error }
    }

    async fn measure(&self, shard: u32) -> Result<(u64, u64)> {
        let engine = self.mover.engine(shard).await?;
        Ok((transfer::total(&*engine).await?, size(&*engine).await?))
    }

    /// Takes an empty database in. With `dry_run` everything is checked and nothing is changed.
    pub(crate) async fn add(&self, new: NewShard, dry_run: bool) -> Result<Status> {
        let topology = self.topology();
        let id = topology.shards().last().map_or(0, |shard| shard.id + 1);
        let name = if new.name.is_empty() { format!("shard-{id}") } else { new.name };
        check_name(&name)?;
        if topology.shards().iter().any(|shard| shard.name == name) {
            return Err(Error::Operation(format!("a shard called {name} is or was there: choose another name")));
        }
        let (engine, location, login) = self.read_location(&new.location)?;
        if let Some(there) = topology.live_shards().find(|shard| shard.location == location) {
            return Err(Error::Operation(format!("this database is a shard already: {}", there.name)));
        }
        let info = ShardInfo { weight: new.weight, ..ShardInfo::new(id, name, engine, location) };
        if let (Some(login), Some(credentials)) = (&login, &self.credentials) {
            credentials.keep(&info.name, login).map_err(|error| {
                Error::Operation(format!(
                    "the credentials cannot be kept in {}: {error}",
                    credentials.folder().display()
                ))
            })?;
        }
        let added = self.take_in(&info, dry_run).await;
        if let (true, Some(credentials)) = (added.is_err() || dry_run, &self.credentials) {
            credentials.forget(&info.name);
        }
        added?;
        if dry_run {
            let (error, replicas) = (String::new(), Vec::new());
            return Ok(Status { info, buckets: 0, rows: 0, bytes: 0, load: None, replicas, error });
        }
        Ok(self.status(info).await)
    }

    async fn take_in(&self, info: &ShardInfo, dry_run: bool) -> Result<()> {
        let topology = self.topology();
        let refused = |source: store::Error| {
            Error::Shard(topology::Error::Shard {
                name: info.name.clone(),
                location: info.location.clone(),
                source: Box::new(source),
            })
        };
        let engine = self.mover.opener().open(info).await.map_err(refused)?;
        if dry_run {
            return require_empty(&*engine, info).await;
        }
        let engine = topology::identity::open(self.mover.opener(), topology.cluster_id(), info).await?;
        if transfer::total(&*engine).await? > 0 {
            return Err(Error::Operation(format!("{} has rows already: give an empty database", info.location)));
        }
        grants::apply(&*engine, grants::SHARD).await.map_err(refused)?;
        let (version, added) = (topology.version(), info.clone());
        let id = info.id;
        self.catalog
            .change_with(&topology, move |parts| parts.shards.push(added), move |tx| Box::pin(catalog::mark(tx, id)))
            .await?;
        tracing::info!(shard.id = id, shard.name = info.name, topology.version = version + 1, "a shard was added");
        Ok(())
    }

    /// A location in the form that the catalog keeps, and the credentials that stood in it.
    fn read_location(&self, text: &str) -> Result<(EngineKind, String, Option<engines::Login>)> {
        let is_file = std::path::Path::new(text).extension().is_some_and(|end| end == "db");
        if is_file && !text.contains("://") {
            if text.starts_with('/') || text.split('/').any(|part| part == "..") {
                return Err(Error::Operation("a file is named relative to the data directory".to_owned()));
            }
            return Ok((EngineKind::Sqlite, text.to_owned(), None));
        }
        let (bare, login) = engines::split_login(text).map_err(Error::Operation)?;
        let location = engines::postgres_location(&bare).map_err(Error::Operation)?;
        if login.is_some() && self.credentials.is_none() {
            return Err(Error::Operation(
                "here every process has credentials of its own: give the address without a user and a password, \
                 and let the processes' settings `engines.postgres` say who they are"
                    .to_owned(),
            ));
        }
        Ok((EngineKind::Postgres, location, login))
    }

    /// Takes a shard out that owns nothing and holds nothing.
    pub(crate) async fn remove(&self, name: &str, dry_run: bool) -> Result<Status> {
        let topology = self.topology();
        let info = named(&topology, name)?.clone();
        let status = self.status(info.clone()).await;
        if status.buckets > 0 {
            return Err(Error::Operation(format!(
                "{name} owns {} buckets: move them away first, `myriad shard drain {name}`",
                status.buckets
            )));
        }
        let open = moves::open_now(self.catalog.engine()).await?;
        if let Some(row) = open.iter().find(|row| [row.source, row.target].contains(&info.id)) {
            return Err(Error::Busy(format!(
                "move {} of {name} is at step {}: wait for its end, or end the grace time of {} now: `myriad move settle {}`",
                row.id,
                row.step.as_str(),
                row.operation,
                row.operation
            )));
        }
        if status.rows > 0 || !status.error.is_empty() {
            return Err(Error::Operation(format!(
                "{name} owns nothing and still holds {} rows {}: nothing was changed",
                status.rows, status.error
            )));
        }
        if !dry_run {
            let id = ShardId(info.id);
            self.catalog
                .change(topology.version(), |parts| set_state(&mut parts.shards, id, ShardState::Removed))
                .await?;
            if let Some(credentials) = &self.credentials {
                credentials.forget(&info.name);
            }
            tracing::info!(shard.id = info.id, shard.name = info.name, "a shard was removed");
        }
        Ok(status)
    }
}

pub(super) fn set_state(shards: &mut [ShardInfo], id: ShardId, state: ShardState) {
    for shard in shards {
        if shard.id == id.0 {
            shard.state = state;
        }
    }
}

/// The names that files, metrics and people can bear.
fn check_name(name: &str) -> Result<()> {
    let fine = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fine {
        return Ok(());
    }
    Err(Error::Operation("a shard's name is of 1 to 63 small letters, digits and -, a letter first".to_owned()))
}

async fn require_empty(engine: &dyn Engine, info: &ShardInfo) -> Result<()> {
    let tables = engine.query(engine.dialect().tables, Vec::new()).await?;
    if tables.is_empty() {
        return Ok(());
    }
    Err(Error::Operation(format!(
        "{} is not empty, it has {} tables: give an empty database",
        info.location,
        tables.len()
    )))
}
