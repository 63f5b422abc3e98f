//! The mover's statements, made from the schema: every table has the same ones, so a new table is moved without a line of SQL.

use std::sync::LazyLock;

use model::Bucket;

use crate::{
    Error, Result, Row,
    schema::{Moves, TABLES, Table},
};

/// How many keys one statement looks up or deletes; fewer are padded by repeating the last.
pub const KEYS: usize = 32;

/// How many buckets one statement asks about; fewer are padded with none.
pub const BUCKETS: usize = 16;

/// How many rows one statement writes, from the widest down; what is left over is written by the narrower ones.
pub const WIDTHS: [usize; 3] = [64, 8, 1];

/// The statements of one table.
pub struct Statements {
    /// The table.
    pub table: &'static Table,
    /// [`BUCKETS`] buckets, limit: the first rows of each in the order of the key.
    pub first_pages: String,
    /// `$1` bucket, the key columns, limit: the rows after a key.
    pub next_page: String,
    /// `$1` bucket, then the key columns of [`KEYS`] rows: those rows.
    pub by_keys: String,
    /// The same: deletes those rows.
    pub delete_keys: String,
    /// `$1` bucket, `$2` limit: deletes some rows.
    pub delete_some: String,
    /// All columns of as many rows as the entry of [`WIDTHS`] says: writes them, over rows of the same key.
    pub upserts: [String; WIDTHS.len()],
}

/// The tables whose rows go along, in the order of the schema.
pub static STATEMENTS: LazyLock<Vec<Statements>> = LazyLock::new(|| {
    TABLES.iter().filter(|table| matches!(table.moves, Moves::Along(_))).map(|table| make(table)).collect()
});

/// [`BUCKETS`] buckets: for each of them and each table, the bucket, the table's place in [`STATEMENTS`], the number of rows.
pub static COUNTS: LazyLock<String> = LazyLock::new(|| by_bucket_and_table(|_| Vec::new()));

/// The same with more columns: aggregates made from the table's columns.
///
/// Each bucket is looked up by itself. PostgreSQL knows nothing yet of the rows of a shard that is being filled, and would read a whole
/// table where it was asked for several buckets of it at once.
pub fn by_bucket_and_table(more: impl Fn(&str) -> Vec<String>) -> String {
    let asked = asked();
    let each = STATEMENTS.iter().enumerate().map(|(place, statements)| {
        let name = statements.table.name;
        let aggregates = std::iter::once("count(*)".to_owned()).chain(more(&statements.table.column_list()));
        let of_bucket = |aggregate| format!("(SELECT {aggregate} FROM {name} WHERE {name}.bucket = asked.column1)");
        let columns: Vec<String> = aggregates.map(of_bucket).collect();
        format!("SELECT asked.column1, CAST({place} AS BIGINT), {} FROM {asked}", columns.join(", "))
    });
    each.collect::<Vec<_>>().join(" UNION ALL ")
}

/// [`BUCKETS`] buckets: those with entries in their log.
pub static LOGGED: LazyLock<String> = LazyLock::new(|| {
    let logged = "EXISTS (SELECT 1 FROM change_log WHERE change_log.bucket = asked.column1)";
    format!("SELECT asked.column1 FROM {} WHERE {logged}", asked())
});

/// The parameters as a table of one column, which both engines call `column1`.
fn asked() -> String {
    let each: Vec<String> = (1..=BUCKETS).map(|number| format!("(CAST(${number} AS BIGINT))")).collect();
    format!("(VALUES {}) AS asked", each.join(", "))
}

/// One row with the number of rows of all tables of [`STATEMENTS`] together, in all buckets.
pub static TOTAL: LazyLock<String> = LazyLock::new(|| {
    let each = STATEMENTS.iter().map(|statements| format!("(SELECT count(*) FROM {})", statements.table.name));
    format!("SELECT {}", each.collect::<Vec<_>>().join(" + "))
});

/// For each bucket that has rows: the bucket and the number of its rows.
pub static BY_BUCKET: LazyLock<String> = LazyLock::new(|| {
    let each = STATEMENTS
        .iter()
        .map(|statements| format!("SELECT bucket, count(*) AS n FROM {} GROUP BY bucket", statements.table.name));
    // A sum of whole numbers is a decimal to PostgreSQL.
    format!(
        "SELECT bucket, CAST(sum(n) AS BIGINT) FROM ({}) AS each GROUP BY bucket",
        each.collect::<Vec<_>>().join(" UNION ALL ")
    )
});

/// What a row of [`COUNTS`] says: the bucket, the table's place, and how many rows there are; none where there are none.
pub fn count(row: &Row) -> Result<Option<((Bucket, usize), u64)>> {
    let rows = row.u64(2)?;
    if rows == 0 {
        return Ok(None);
    }
    let place = usize::try_from(row.u64(1)?).map_err(|_| Error::Corrupt("a place".to_owned()))?;
    Ok(Some(((row.bucket(0)?, place), rows)))
}

/// The statements of a table; none for a table whose rows do not go along.
pub fn of(table: &Table) -> Option<&'static Statements> {
    STATEMENTS.iter().find(|statements| statements.table == table)
}

fn make(table: &'static Table) -> Statements {
    let name = table.name;
    let all = table.column_list();
    let key: Vec<&str> = table.key_in_bucket().map(|column| column.name).collect();
    let (tuple, order) = (format!("({})", key.join(", ")), key.join(", "));
    let after = placeholders(2, key.len());
    let limit = key.len() + 2;
    let some_keys = rows(2, KEYS, key.len());
    let changes: Vec<String> = table
        .columns
        .iter()
        .map(|column| column.name)
        .filter(|column| !table.key.contains(column))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let whole_key = table.key.join(", ");
    let first_pages: Vec<String> = (1..=BUCKETS)
        .map(|number| {
            let first =
                format!("SELECT {all} FROM {name} WHERE bucket = ${number} ORDER BY {order} LIMIT ${}", BUCKETS + 1);
            format!("SELECT * FROM ({first}) AS page_{number}")
        })
        .collect();
    let upsert = |width| {
        let values = rows(1, width, table.columns.len());
        format!(
            "INSERT INTO {name} ({all}) VALUES {values} ON CONFLICT ({whole_key}) DO UPDATE SET {}",
            changes.join(", ")
        )
    };
    Statements {
        table,
        first_pages: first_pages.join(" UNION ALL "),
        next_page: format!(
            "SELECT {all} FROM {name} WHERE bucket = $1 AND {tuple} > {after} ORDER BY {order} LIMIT ${limit}"
        ),
        by_keys: format!("SELECT {all} FROM {name} WHERE bucket = $1 AND {tuple} IN (VALUES {some_keys})"),
        delete_keys: format!("DELETE FROM {name} WHERE bucket = $1 AND {tuple} IN (VALUES {some_keys})"),
        delete_some: format!(
            "DELETE FROM {name} WHERE bucket = $1 AND {tuple} IN (SELECT {order} FROM {name} WHERE bucket = $1 LIMIT $2)"
        ),
        upserts: WIDTHS.map(upsert),
    }
}

/// `($1, $2), ($3, $4)`: `count` rows of `width` placeholders, from `$first` on.
fn rows(first: usize, count: usize, width: usize) -> String {
    let each: Vec<String> = (0..count).map(|row| placeholders(first + row * width, width)).collect();
    each.join(", ")
}

/// `($1, $2)`.
fn placeholders(first: usize, count: usize) -> String {
    let numbers: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    format!("({})", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{change_log, sessions};

    #[test]
    fn statements_name_every_column_and_the_whole_key() {
        let statements = of(&sessions::TABLE).unwrap();
        assert!(
            statements
                .next_page
                .contains("WHERE bucket = $1 AND (user_id, id) > ($2, $3) ORDER BY user_id, id LIMIT $4")
        );
        assert!(statements.upserts[2].starts_with("INSERT INTO sessions (bucket, user_id, id, session_epoch"));
        assert!(
            statements.upserts[2]
                .contains("ON CONFLICT (bucket, user_id, id) DO UPDATE SET session_epoch = excluded.session_epoch")
        );
        assert!(statements.by_keys.ends_with("($64, $65))"));
        assert!(of(&change_log::TABLE).is_none(), "the log stays where it is");
    }
}
