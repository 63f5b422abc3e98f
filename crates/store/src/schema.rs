//! The shard's schema as data: what the mover copies, what the schema test compares with the live database.

use crate::{
    migrate::{Migration, Schema},
    tables::{
        bucket_owner, change_log, credentials, email_claims, idempotency, images, inbox, outbox, sessions, users,
    },
};

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// BIGINT.
    Int,
    /// TEXT.
    Text,
    /// BYTEA, BLOB.
    Blob,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

impl Column {
    /// BIGINT NOT NULL.
    pub const fn int(name: &'static str) -> Self {
        Self { name, kind: Kind::Int, nullable: false }
    }

    /// TEXT NOT NULL.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, nullable: false }
    }

    /// BYTEA NOT NULL.
    pub const fn blob(name: &'static str) -> Self {
        Self { name, kind: Kind::Blob, nullable: false }
    }

    /// The same, nullable.
    #[must_use]
    pub const fn or_null(self) -> Self {
        Self { name: self.name, kind: self.kind, nullable: true }
    }
}

/// How a table takes part in a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Its rows go with their bucket.
    Along(Whose),
    /// It is about the move itself and is written by each step on each side.
    Itself,
}

/// Which rows of a bucket go where one user gets a bucket of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those whose column of this name is the user.
    User(&'static str),
    /// They do not say whose they are, and one too many harms nobody: copies of all go, all stay, and they end by their time.
    Untold,
    /// They are the bucket's own and mean the same wherever they lie: they stay.
    Bucket,
}

/// A table whose every row has a bucket.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name.
    pub name: &'static str,
    /// Primary key; the bucket first.
    pub key: &'static [&'static str],
    /// All columns in their order.
    pub columns: &'static [Column],
    /// How it takes part in a move.
    pub moves: Moves,
}

impl Table {
    /// The table of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().copied().find(|table| table.name == name)
    }

    /// All columns in their order, as a statement lists them: `bucket, id`.
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    /// The key's columns after the bucket.
    pub fn key_in_bucket(&self) -> impl Iterator<Item = &'static Column> {
        self.key.iter().skip(1).filter_map(|name| self.columns.iter().find(|column| column.name == *name))
    }
}

/// Every table of a shard but `meta`, which holds no rows of anybody.
pub const TABLES: &[&Table] = &[
    &bucket_owner::TABLE,
    &users::TABLE,
    &credentials::TABLE,
    &email_claims::TABLE,
    &sessions::TABLE,
    &images::TABLE,
    &outbox::TABLE,
    &inbox::TABLE,
    &idempotency::TABLE,
    &change_log::TABLE,
];

/// The schema of a shard.
pub const SHARD: Schema = Schema {
    kind: "shard",
    migrations: &[
        Migration { version: 1, name: "first", serves_from: 1, sql: include_str!("../migrations/0001_first.sql") },
        #[cfg(feature = "rehearsal")]
        Migration { version: 2, name: "rehearsal", serves_from: 1, sql: include_str!("../migrations/rehearsal.sql") },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_keyed_by_its_bucket_first() {
        for table in TABLES {
            assert_eq!(table.key.first(), Some(&"bucket"), "{}", table.name);
            assert_eq!(table.columns.first().map(|column| column.name), Some("bucket"), "{}", table.name);
            assert_eq!(table.key_in_bucket().count(), table.key.len() - 1, "{}", table.name);
            assert_eq!(Table::named(table.name), Some(*table));
        }
    }
}
