//! Many rows in one statement: each column is one array, so that there is one plan, one parameter a column and one answer for all of them.
//!
//! Not COPY: its data and its end leave sqlx 0.9.0 as two packets without `TCP_NODELAY`, and the second waits 40 ms for the answer to the first.
//! Measured in `docs/decisions/0015-bulk-inserts.md`.

use sqlx::{Arguments, AssertSqlSafe, PgConnection, postgres::PgArguments};
use store::{
    Row, Value,
    schema::{Kind, Table},
};

/// Inserts rows, all columns in the table's order: how many.
pub async fn insert(connection: &mut PgConnection, table: &Table, rows: &[Row]) -> sqlx::Result<u64> {
    let mut arrays = PgArguments::default();
    for (place, column) in table.columns.iter().enumerate() {
        let values = rows.iter().map(|row| row.values().get(place));
        let added = match column.kind {
            Kind::Int => arrays.add(values.map(int).collect::<sqlx::Result<Vec<_>>>()?),
            Kind::Text => arrays.add(values.map(text).collect::<sqlx::Result<Vec<_>>>()?),
            Kind::Blob => arrays.add(values.map(blob).collect::<sqlx::Result<Vec<_>>>()?),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let inserted = sqlx::query_with(AssertSqlSafe(statement(table)), arrays).execute(connection);
    Ok(inserted.await?.rows_affected())
}

fn statement(table: &Table) -> String {
    let array = |(number, kind): (usize, Kind)| match kind {
        Kind::Int => format!("${number}::bigint[]"),
        Kind::Text => format!("${number}::text[]"),
        Kind::Blob => format!("${number}::bytea[]"),
    };
    let arrays: Vec<String> = (1..).zip(table.columns.iter().map(|column| column.kind)).map(array).collect();
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({})", table.name, table.column_list(), arrays.join(", "))
}

fn int(value: Option<&Value>) -> sqlx::Result<Option<i64>> {
    if let Some(Value::Int(int)) = value { Ok(*int) } else { Err(another_type()) }
}

fn text(value: Option<&Value>) -> sqlx::Result<Option<&str>> {
    if let Some(Value::Text(text)) = value { Ok(text.as_deref()) } else { Err(another_type()) }
}

fn blob(value: Option<&Value>) -> sqlx::Result<Option<&[u8]>> {
    if let Some(Value::Blob(bytes)) = value { Ok(bytes.as_deref()) } else { Err(another_type()) }
}

fn another_type() -> sqlx::Error {
    sqlx::Error::Encode("a value is missing or of another type than its column".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::tables::sessions;

    #[test]
    fn a_value_of_another_type_is_no_null() {
        assert_eq!(int(Some(&Value::Int(None))).unwrap(), None);
        assert!(
            int(Some(&Value::from("1"))).is_err() && text(None).is_err() && blob(Some(&Value::from(1_i64))).is_err()
        );
    }

    #[test]
    fn every_column_is_an_array_of_its_type() {
        let statement = statement(&sessions::TABLE);
        assert!(statement.starts_with("INSERT INTO sessions (bucket, user_id, id, session_epoch"), "{statement}");
        assert!(statement.contains(") SELECT * FROM unnest($1::bigint[], $2::bigint[], "), "{statement}");
    }
}
