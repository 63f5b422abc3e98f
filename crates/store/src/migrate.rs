//! Bringing a database to this program's schema: ordered SQL, run once under a lock, and refused where the database is
//! another cluster's, another member's, another program's, or newer than this one.

use std::collections::HashMap;

use crate::{Engine, Error, Lock, Result, Transaction, transact};

/// What a database says of itself; every schema has it, the migrations leave it out.
const META: &str = "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) KEYED";

/// One step of a schema. Its statements end in `;` at a line's end; words are PostgreSQL's, see `Dialect::words`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: u32,
    /// For messages.
    pub name: &'static str,
    /// The oldest schema version whose programs still work on a database with this step: what goes on running during an upgrade, and
    /// what can be gone back to. Its own version where nothing older does.
    pub serves_from: u32,
    /// Statements.
    pub sql: &'static str,
}

/// A schema: what kind of database it makes, and the steps to it.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// `shard`, `catalog`: kept in the database, so that one is never taken for the other.
    pub kind: &'static str,
    /// In order.
    pub migrations: &'static [Migration],
}

impl Schema {
    /// The version this program brings a database to.
    pub fn version(&self) -> u32 {
        self.migrations.last().map_or(0, |migration| migration.version)
    }

    fn serves_from(&self) -> u32 {
        self.migrations.iter().map(|migration| migration.serves_from).max().unwrap_or(0)
    }
}

/// Which cluster a database must belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// This one.
    Known(String),
    /// Whichever it says; a new database gets this one.
    OrNew(String),
}

/// Who a database must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: Cluster,
    /// Which of the cluster's databases: `shard-0`, `catalog`.
    pub member: String,
}

/// What a database is, after `prepare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Its cluster.
    pub cluster: String,
    /// Whether it was empty before.
    pub created: bool,
    /// The schema version it had before; 0 where it was empty.
    pub from_version: u32,
}

/// Brings a database to a schema, or refuses it with both identities named.
///
/// Errors: `Unusable`, saying what was found, what was wanted and what to do.
pub async fn prepare(engine: &dyn Engine, schema: &'static Schema, identity: Identity) -> Result<Prepared> {
    // The common start: nothing to do, so nothing to write.
    if let Some(prepared) = look(engine, schema, &identity).await? {
        return Ok(prepared);
    }
    require_the_right(engine, schema).await?;
    let name = engine.name().to_owned();
    let dialect = engine.dialect();
    let ended = transact(engine, move |tx| {
        Box::pin(async move {
            tx.lock(&[Lock::Schema]).await?;
            let tables = names(&tx.query(dialect.tables, &[]).await?)?;
            let from = Found::read(tx, &tables, &name).await?;
            let (cluster, version) = from.accept(schema, &identity, &name)?;
            if version >= schema.version() {
                // Another start was first.
                return Ok(Prepared { cluster, created: false, from_version: version });
            }
            if version == 0 {
                tx.define(&translate(META, dialect.words)).await?;
            }
            for migration in schema.migrations.iter().filter(|migration| migration.version > version) {
                tracing::info!(store.name = name, migration.version, migration.name, "migrating");
                for statement in statements(migration.sql) {
                    tx.define(&translate(&statement, dialect.words)).await?;
                }
            }
            let rows = [
                ("cluster", cluster.clone()),
                ("member", identity.member.clone()),
                ("kind", schema.kind.to_owned()),
                ("schema_version", schema.version().to_string()),
                ("serves_from", schema.serves_from().to_string()),
            ];
            for (key, value) in rows {
                tx.execute(
                    "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    &[key.into(), value.into()],
                )
                .await?;
            }
            Ok(Prepared { cluster, created: version == 0, from_version: version })
        })
    })
    .await;
    match ended {
        Ok((prepared, _)) => Ok(prepared),
        Err(Error::DiskFull(cause)) => Err(Error::Unusable(format!(
            "{} cannot be made: {cause}. Free some space, or name a data directory on another disk.",
            engine.name()
        ))),
        Err(other) => Err(other),
    }
}

/// Refuses a database that is another one than it should be, writing nothing: for replicas.
///
/// Errors: `Unusable` as [`prepare`]; `NotYet` where it is empty or its schema is older than this program's.
pub async fn recognise(engine: &dyn Engine, schema: &'static Schema, identity: &Identity) -> Result<()> {
    match look(engine, schema, identity).await? {
        Some(_) => Ok(()),
        None => Err(Error::NotYet(format!(
            "{} has no schema of version {} yet: it comes with the primary's log",
            engine.name(),
            schema.version()
        ))),
    }
}

async fn look(engine: &dyn Engine, schema: &Schema, identity: &Identity) -> Result<Option<Prepared>> {
    let tables = names(&engine.query(engine.dialect().tables, Vec::new()).await?)?;
    if !tables.iter().any(|table| table == "meta") {
        return Ok(None);
    }
    let rows = engine.query("SELECT key, value FROM meta", Vec::new()).await?;
    let meta = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_>>()?;
    let (cluster, version) = Found::Meta(meta).accept(schema, identity, engine.name())?;
    Ok((version >= schema.version()).then_some(Prepared { cluster, created: false, from_version: version }))
}

/// Where there are roles, only the owner's changes the schema; the others wait for it.
async fn require_the_right(engine: &dyn Engine, schema: &Schema) -> Result<()> {
    let Some(asked) = engine.dialect().may_migrate else { return Ok(()) };
    if engine.query(asked, Vec::new()).await?.first().map_or(Ok(0), |row| row.int(0))? == 1 {
        return Ok(());
    }
    Err(Error::NotYet(format!(
        "{} is empty or its schema is older than version {}, and the role of this process may not change it. \
         It waits for shard-router of this version.",
        engine.name(),
        schema.version()
    )))
}

/// What a database says of itself.
enum Found {
    Empty,
    Meta(HashMap<String, String>),
}

impl Found {
    async fn read(tx: &mut dyn Transaction, tables: &[String], name: &str) -> Result<Self> {
        if tables.iter().any(|table| table == "meta") {
            let rows = tx.query("SELECT key, value FROM meta", &[]).await?;
            return Ok(Self::Meta(rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_>>()?));
        }
        match tables.first() {
            None => Ok(Self::Empty),
            Some(table) => Err(Error::Unusable(format!(
                "{name} is not a database of Myriad: it has a table \"{table}\" and no \"meta\". Name an empty database."
            ))),
        }
    }

    /// The cluster and the version, if this database may be used.
    fn accept(&self, schema: &Schema, identity: &Identity, name: &str) -> Result<(String, u32)> {
        let meta = match (self, &identity.cluster) {
            (Self::Empty, Cluster::Known(cluster) | Cluster::OrNew(cluster)) => return Ok((cluster.clone(), 0)),
            (Self::Meta(meta), _) => meta,
        };
        let says = |key: &str| meta.get(key).map_or("unknown", String::as_str);
        let found = format!("{} \"{}\" of cluster {}", says("kind"), says("member"), says("cluster"));
        let cluster = match &identity.cluster {
            Cluster::Known(cluster) => cluster.as_str(),
            Cluster::OrNew(_) => says("cluster"),
        };
        let wanted = format!("{} \"{}\" of cluster {cluster}", schema.kind, identity.member);
        if found != wanted {
            return Err(Error::Unusable(format!(
                "{name} holds {found}, but {wanted} was expected. Name the right database, or an empty one."
            )));
        }
        let version: u32 = says("schema_version").parse().map_err(|_| {
            Error::Unusable(format!("{name} does not say which version its schema has; restore it from a backup."))
        })?;
        // A step that says nothing of older programs is not for them.
        let serves_from = says("serves_from").parse().unwrap_or(version);
        if version > schema.version() && serves_from > schema.version() {
            return Err(Error::Unusable(format!(
                "{name} has schema version {version}, this program knows {}. Start the version of Myriad that wrote it, or a newer one.",
                schema.version()
            )));
        }
        Ok((cluster.to_owned(), version))
    }
}

fn names(rows: &[crate::Row]) -> Result<Vec<String>> {
    rows.iter().map(|row| row.text(0)).collect()
}

/// The statements of a script, without comment lines.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let code = code.join("\n");
    code.split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Replaces whole words.
fn translate(sql: &str, words: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut word = String::new();
    for c in sql.chars().chain(['\n']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out.push_str(words.iter().find(|(from, _)| *from == word).map_or(word.as_str(), |(_, to)| to));
        word.clear();
        out.push(c);
    }
    out.truncate(out.len() - 1);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_split_and_translated_by_whole_words() {
        let sql = "-- a note; with\nCREATE TABLE a (\n  b BIGINT,\n  c TEXT CHECK (c IN ('BIGINTS'))\n) KEYED;\n\nCREATE INDEX d ON a (b);\n";
        let parts = statements(sql);
        assert_eq!(parts.len(), 2);
        let words = [("BIGINT", "INTEGER"), ("KEYED", "STRICT")];
        assert_eq!(
            translate(&parts[0], &words),
            "CREATE TABLE a (\n  b INTEGER,\n  c TEXT CHECK (c IN ('BIGINTS'))\n) STRICT"
        );
        assert_eq!(parts[1], "CREATE INDEX d ON a (b)");
    }
}
