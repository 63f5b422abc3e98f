//! What a mover does to a shard: reads a bucket's rows page by page, writes them elsewhere under its token, deletes them.
//!
//! Writing here goes past `BucketTx`, because the rows are not changed, they change their place. In its stead every transaction
//! requires the owner row to be of the state and token that the mover left there: a holder that lost the move is refused by it.

mod digest;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use model::Bucket;

use crate::{
    Engine, Error, Primary, Result, Row, Transaction, Value,
    schema::{Kind, Table},
    tables::{
        bucket_owner,
        bucket_owner::{OwnerRow, State},
        change_log,
    },
};
use statements::{BUCKETS, KEYS, STATEMENTS, WIDTHS};

pub use change_log::Entry;
pub use digest::{Digest, digests};

/// What a mover's transaction requires of a bucket's owner row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The bucket.
    pub bucket: Bucket,
    /// The state that the mover has brought it to.
    pub state: State,
    /// The mover's token.
    pub token: u64,
}

/// The tables whose rows go along with their bucket.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    STATEMENTS.iter().map(|statements| statements.table)
}

/// The key of a row after its bucket.
pub fn key_of(table: &Table, row: &Row) -> Vec<Value> {
    let values = table.columns.iter().zip(row.values());
    let keys = table.key_in_bucket();
    keys.filter_map(|key| values.clone().find(|(column, _)| column.name == key.name))
        .map(|(_, value)| value.clone())
        .collect()
}

/// The first rows of each of some buckets in the order of their key: at most `limit` of each, in few round trips.
pub async fn first_pages(
    engine: &dyn Engine,
    table: &'static Table,
    buckets: &[Bucket],
    limit: u32,
) -> Result<BTreeMap<Bucket, Vec<Row>>> {
    let mut pages: BTreeMap<Bucket, Vec<Row>> = buckets.iter().map(|bucket| (*bucket, Vec::new())).collect();
    for chunk in buckets.chunks(BUCKETS) {
        let mut params = chunk_params(chunk);
        params.push(limit.into());
        for row in typed(table, engine.query(&of(table)?.first_pages, params).await?)? {
            pages.entry(row.bucket(0)?).or_default().push(row);
        }
    }
    Ok(pages)
}

/// Rows of a bucket in the order of their key after that of `last`: at most `limit`.
pub async fn next_page(
    engine: &dyn Engine,
    table: &'static Table,
    bucket: Bucket,
    last: &Row,
    limit: u32,
) -> Result<Vec<Row>> {
    let mut params = vec![bucket.into()];
    params.extend(key_of(table, last));
    params.push(limit.into());
    typed(table, engine.query(&of(table)?.next_page, params).await?)
}

/// The rows of these keys as they are now, in no order; keys without a row are left out.
pub async fn rows(engine: &dyn Engine, table: &'static Table, bucket: Bucket, keys: &[Vec<Value>]) -> Result<Vec<Row>> {
    let statements = of(table)?;
    let mut found = Vec::new();
    for chunk in keys.chunks(KEYS) {
        found.extend(typed(table, engine.query(&statements.by_keys, padded(bucket, chunk)).await?)?);
    }
    Ok(found)
}

/// How many rows some buckets have, by bucket and the table's place in `tables`; where there are none there is no entry.
pub async fn counts(engine: &dyn Engine, buckets: &BTreeSet<Bucket>) -> Result<BTreeMap<(Bucket, usize), u64>> {
    let mut counts = BTreeMap::new();
    for row in in_chunks(engine, &statements::COUNTS, buckets).await? {
        counts.extend(statements::count(&row)?);
    }
    Ok(counts)
}

/// How many rows a shard has in all. Counts them.
pub async fn total(engine: &dyn Engine) -> Result<u64> {
    let rows = engine.query(&statements::TOTAL, Vec::new()).await?;
    rows.first().map_or(Ok(0), |row| row.u64(0))
}

/// How many rows each bucket of a shard has; buckets without rows are left out. Counts them.
pub async fn by_bucket(engine: &dyn Engine) -> Result<Vec<(Bucket, u64)>> {
    let rows = engine.query(&statements::BY_BUCKET, Vec::new()).await?;
    rows.iter().map(|row| Ok((row.bucket(0)?, row.u64(1)?))).collect()
}

/// Entries of a bucket's change log, at most `limit`.
pub async fn log(engine: &dyn Engine, bucket: Bucket, limit: u32) -> Result<Vec<Entry>> {
    change_log::page(&mut Primary(engine), bucket, limit).await
}

/// Which of some buckets have entries in their log.
pub async fn logged(engine: &dyn Engine, buckets: &BTreeSet<Bucket>) -> Result<Vec<Bucket>> {
    in_chunks(engine, &statements::LOGGED, buckets).await?.iter().map(|row| row.bucket(0)).collect()
}

/// Requires the owner rows that the mover left, under the buckets' shared locks: whoever takes the move over waits for this transaction,
/// or this one finds its token.
///
/// Errors: `Moved` where a row is another one.
pub async fn require(tx: &mut dyn Transaction, holds: &[Hold]) -> Result<()> {
    let buckets: Vec<Bucket> = holds.iter().map(|hold| hold.bucket).collect();
    let as_left = |row: &OwnerRow| {
        holds.iter().any(|hold| (hold.bucket, hold.state, Some(hold.token)) == (row.bucket, row.state, row.mover))
    };
    bucket_owner::require_all(tx, &buckets, as_left).await
}

/// Requires the mover's token, whatever the state.
///
/// Errors: `Moved` where it is another one.
pub async fn require_token(tx: &mut dyn Transaction, buckets: &[Bucket], token: u64) -> Result<()> {
    bucket_owner::require_all(tx, buckets, |row| row.mover == Some(token)).await
}

/// Writes rows into a bucket that has none of these keys. The caller has required the owner rows of their buckets.
pub async fn fill(tx: &mut dyn Transaction, table: &'static Table, rows: Vec<Row>) -> Result<()> {
    if tx.insert_many(table, &rows).await? {
        return Ok(());
    }
    put(tx, table, rows).await
}

/// Writes rows over those of the same keys. The caller has required the owner rows of their buckets.
pub async fn put(tx: &mut dyn Transaction, table: &'static Table, rows: Vec<Row>) -> Result<()> {
    let statements = of(table)?;
    let mut rest = rows.into_iter();
    for (width, sql) in WIDTHS.into_iter().zip(&statements.upserts) {
        while rest.len() >= width {
            let params: Vec<Value> = rest.by_ref().take(width).flat_map(Row::into_values).collect();
            tx.execute(sql, &params).await?;
        }
    }
    Ok(())
}

/// Deletes the rows of these keys, where they are. The caller has required the owner row.
pub async fn remove(
    tx: &mut dyn Transaction,
    table: &'static Table,
    bucket: Bucket,
    keys: &[Vec<Value>],
) -> Result<()> {
    let statements = of(table)?;
    for chunk in keys.chunks(KEYS) {
        tx.execute(&statements.delete_keys, &padded(bucket, chunk)).await?;
    }
    Ok(())
}

/// Deletes some rows of a bucket, of whichever table, at most about `limit`. True: there may be more.
pub async fn purge_some(tx: &mut dyn Transaction, bucket: Bucket, limit: u32) -> Result<bool> {
    let mut left = u64::from(limit);
    for statements in STATEMENTS.iter() {
        left -= tx.execute(&statements.delete_some, &[bucket.into(), left.into()]).await?.min(left);
        if left == 0 {
            return Ok(true);
        }
    }
    change_log::clear(tx, bucket).await?;
    Ok(false)
}

/// Forgets log entries that were read.
pub async fn forget(tx: &mut dyn Transaction, bucket: Bucket, entries: &[Entry]) -> Result<()> {
    change_log::remove(tx, bucket, entries).await
}

/// Forgets a bucket's whole log.
pub async fn forget_all(tx: &mut dyn Transaction, bucket: Bucket) -> Result<()> {
    change_log::clear(tx, bucket).await
}

fn of(table: &Table) -> Result<&'static statements::Statements> {
    statements::of(table).ok_or_else(|| Error::Fault(format!("rows of {} do not move", table.name)))
}

/// Asks a statement of [`BUCKETS`] buckets about as many as there are.
async fn in_chunks(engine: &dyn Engine, sql: &'static str, buckets: &BTreeSet<Bucket>) -> Result<Vec<Row>> {
    let buckets: Vec<Bucket> = buckets.iter().copied().collect();
    let mut rows = Vec::new();
    for chunk in buckets.chunks(BUCKETS) {
        rows.extend(engine.query(sql, chunk_params(chunk)).await?);
    }
    Ok(rows)
}

/// Buckets as parameters; what is missing to the statement's width is null, which no bucket is.
fn chunk_params(chunk: &[Bucket]) -> Vec<Value> {
    let buckets = chunk.iter().map(|bucket| (*bucket).into());
    buckets.chain(std::iter::repeat(Value::Int(None))).take(BUCKETS).collect()
}

/// Bucket and keys as parameters, the last key repeated up to the statement's width. Never called without a key.
fn padded(bucket: Bucket, keys: &[Vec<Value>]) -> Vec<Value> {
    let mut params = vec![bucket.into()];
    let repeated = keys.iter().chain(std::iter::repeat(&keys[keys.len() - 1])).take(KEYS);
    params.extend(repeated.flatten().cloned());
    params
}

/// One engine's null has no type; both engines' rows are compared, and written to the other.
fn typed(table: &Table, rows: Vec<Row>) -> Result<Vec<Row>> {
    rows.into_iter()
        .map(|row| {
            let mut values = row.into_values();
            if values.len() != table.columns.len() {
                return Err(Error::Corrupt(format!("a row of {} of {} columns", table.name, values.len())));
            }
            for (value, column) in values.iter_mut().zip(table.columns) {
                if value.is_null() {
                    *value = match column.kind {
                        Kind::Int => Value::Int(None),
                        Kind::Text => Value::Text(None),
                        Kind::Blob => Value::Blob(None),
                    };
                }
            }
            Ok(Row::new(values))
        })
        .collect()
}
