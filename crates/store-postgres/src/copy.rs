//! Rows by COPY, in PostgreSQL's binary format: no statement to plan, no parameter to parse, one answer for all of them.
//!
//! The format: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use sqlx::PgConnection;
use store::{Row, Value, schema::Table};

/// Signature, no flags, no extension of the header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In the place of a row's number of columns.
const END: i16 = -1;
/// In the place of a value's length.
const NULL: i32 = -1;

/// Inserts rows, all columns in the table's order: how many.
pub async fn rows_in(connection: &mut PgConnection, table: &Table, rows: &[Row]) -> sqlx::Result<u64> {
    let data = encode(rows)?;
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, table.column_list());
    let mut copy = connection.copy_in_raw(&sql).await?;
    copy.send(data).await?;
    copy.finish().await
}

fn encode(rows: &[Row]) -> sqlx::Result<Vec<u8>> {
    let mut data = HEADER.to_vec();
    for row in rows {
        data.extend(i16::try_from(row.values().len()).map_err(too_long)?.to_be_bytes());
        for value in row.values() {
            match value {
                Value::Int(Some(int)) => put(&mut data, &int.to_be_bytes())?,
                Value::Text(Some(text)) => put(&mut data, text.as_bytes())?,
                Value::Blob(Some(bytes)) => put(&mut data, bytes)?,
                Value::Int(None) | Value::Text(None) | Value::Blob(None) => data.extend(NULL.to_be_bytes()),
            }
        }
    }
    data.extend(END.to_be_bytes());
    Ok(data)
}

fn put(data: &mut Vec<u8>, bytes: &[u8]) -> sqlx::Result<()> {
    data.extend(i32::try_from(bytes.len()).map_err(too_long)?.to_be_bytes());
    data.extend(bytes);
    Ok(())
}

fn too_long(error: std::num::TryFromIntError) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_the_manual_has_it() {
        let row = Row::new(vec![Value::from(258_i64), Value::from("é"), Value::Blob(None)]);
        let golden = [
            &b"PGCOPY\n\xff\r\n\0"[..],
            &[0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 3],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2],
            &[0, 0, 0, 2, 0xc3, 0xa9],
            &[0xff, 0xff, 0xff, 0xff],
            &[0xff, 0xff],
        ];
        assert_eq!(encode(&[row]).unwrap(), golden.concat());
    }
}
