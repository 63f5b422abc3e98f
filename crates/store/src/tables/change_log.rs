//! `change_log`: keys of rows that may have changed, kept only while a bucket is copied.
//!
//! An entry says which row to look at, not what it became: order and repetition do not matter, and entries read are deleted by id.

use model::Bucket;

use crate::{
    Error, Query, Result, Transaction, Value, key,
    schema::{Column, Moves, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "change_log",
    key: &["bucket", "id"],
    columns: &[Column::int("bucket"), Column::blob("id"), Column::text("table_name"), Column::blob("row_key")],
    moves: Moves::Itself,
};

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Random.
    pub id: [u8; 16],
    /// The table.
    pub table: &'static Table,
    /// Its key columns after the bucket.
    pub key: Vec<Value>,
}

/// Logs that a row may have changed; called by `BucketTx`.
pub(crate) async fn append(tx: &mut dyn Transaction, bucket: Bucket, table: &Table, row_key: &[Value]) -> Result<()> {
    let mut id = [0; 16];
    model::random::fill(&mut id).map_err(|error| Error::Unavailable(format!("no random bytes: {error}")))?;
    tx.execute(
        "INSERT INTO change_log (bucket, id, table_name, row_key) VALUES ($1, $2, $3, $4)",
        &[bucket.into(), id.into(), table.name.into(), key::encode(row_key)?.into()],
    )
    .await?;
    Ok(())
}

/// Some entries of a bucket, at most `limit`.
pub async fn page<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, limit: u32) -> Result<Vec<Entry>> {
    let rows = q
        .query(
            "SELECT id, table_name, row_key FROM change_log WHERE bucket = $1 LIMIT $2",
            &[bucket.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let name = row.str(1)?;
            let table =
                Table::named(name).ok_or_else(|| Error::Corrupt(format!("the change log names a table {name}")))?;
            Ok(Entry { id: row.bytes(0)?, table, key: key::decode(&row.blob(2)?)? })
        })
        .collect()
}

/// Deletes entries that were read. The mover's, hence on a bare transaction: the log is not logged.
pub async fn remove(tx: &mut dyn Transaction, bucket: Bucket, entries: &[Entry]) -> Result<()> {
    for chunk in entries.chunks(WIDTH) {
        let padded = chunk.iter().chain(std::iter::repeat(&chunk[chunk.len() - 1])).take(WIDTH);
        let params: Vec<Value> = std::iter::once(bucket.into()).chain(padded.map(|entry| entry.id.into())).collect();
        tx.execute(REMOVE, &params).await?;
    }
    Ok(())
}

/// Deletes all entries of a bucket: nobody copies it any more.
pub async fn clear(tx: &mut dyn Transaction, bucket: Bucket) -> Result<()> {
    tx.execute("DELETE FROM change_log WHERE bucket = $1", &[bucket.into()]).await.map(drop)
}

const WIDTH: usize = 16;

const REMOVE: &str = "DELETE FROM change_log WHERE bucket = $1 AND id IN \
    ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
