//! A statement on a connection: values bound with their types, rows read out.

use futures::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Column, Either, Executor, PgConnection, Row as _, TypeInfo, ValueRef,
    postgres::{PgArguments, PgRow},
};
use store::{Error, Result, Row, Value};

/// What a statement answered.
pub struct Reply {
    pub rows: Vec<PgRow>,
    /// Rows changed or returned.
    pub affected: u64,
}

/// Runs one statement, prepared once on each connection.
pub async fn run(connection: &mut PgConnection, sql: &'static str, params: &[Value]) -> sqlx::Result<Reply> {
    let mut stream = connection.fetch_many(sqlx::query_with(sql, arguments(params)?));
    let mut reply = Reply { rows: Vec::new(), affected: 0 };
    while let Some(step) = stream.try_next().await? {
        match step {
            Either::Left(done) => reply.affected += done.rows_affected(),
            Either::Right(row) => reply.rows.push(row),
        }
    }
    Ok(reply)
}

/// Runs statements as they are, in one round trip; their text is this crate's or a migration's. Counts in `ended` those that
/// ended well, whatever came of the rest; answers the rows of all.
pub async fn script(connection: &mut PgConnection, sql: String, ended: &mut usize) -> sqlx::Result<Vec<PgRow>> {
    let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    let mut rows = Vec::new();
    while let Some(step) = stream.try_next().await? {
        match step {
            Either::Left(_) => *ended += 1,
            Either::Right(row) => rows.push(row),
        }
    }
    Ok(rows)
}

fn arguments(params: &[Value]) -> sqlx::Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for param in params {
        // A null keeps its type: `add` takes it from the Option's.
        let added = match param {
            Value::Int(int) => arguments.add(int),
            Value::Text(text) => arguments.add(text.as_deref()),
            Value::Blob(bytes) => arguments.add(bytes.as_deref()),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The rows in the store's types.
pub fn rows(found: &[PgRow]) -> Result<Vec<Row>> {
    found.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let wrong = |error: sqlx::Error| Error::Corrupt(format!("column {index}: {error}"));
        values.push(match column.type_info().name() {
            "INT8" => Value::Int(row.try_get(index).map_err(wrong)?),
            "INT4" => Value::Int(row.try_get::<Option<i32>, _>(index).map_err(wrong)?.map(i64::from)),
            "INT2" => Value::Int(row.try_get::<Option<i16>, _>(index).map_err(wrong)?.map(i64::from)),
            // SQLite has no truth values, it says 1 and 0.
            "BOOL" => Value::Int(row.try_get::<Option<bool>, _>(index).map_err(wrong)?.map(i64::from)),
            "TEXT" | "VARCHAR" | "NAME" => Value::Text(row.try_get(index).map_err(wrong)?),
            "BYTEA" => Value::Blob(row.try_get(index).map_err(wrong)?),
            // `SELECT NULL` has no type; a null of any type reads as null.
            _ if row.try_get_raw(index).map_err(wrong)?.is_null() => Value::Text(None),
            other => return Err(Error::Corrupt(format!("column {index} is of the type {other}, which no table has"))),
        });
    }
    Ok(Row::new(values))
}
