//! The catalog's tables and the queries on them. SQL that SQLite and PostgreSQL both take.

pub mod catalog;
pub mod moves;
pub mod rows;

use store::Schema;
use store::migrate::Migration;

/// The schema of a catalog.
pub static SCHEMA: Schema = Schema {
    kind: "catalog",
    migrations: &[
        Migration { version: 1, name: "first", serves_from: 1, sql: include_str!("../migrations/0001_first.sql") },
        Migration { version: 2, name: "moves", serves_from: 1, sql: include_str!("../migrations/0002_moves.sql") },
        // An older router would take a user's move for one of whole buckets.
        Migration { version: 3, name: "users", serves_from: 3, sql: include_str!("../migrations/0003_users.sql") },
        // An older router would tell of a map without them, and copies would be made by nobody.
        Migration {
            version: 4,
            name: "partitions",
            serves_from: 4,
            sql: include_str!("../migrations/0004_partitions.sql"),
        },
    ],
};
