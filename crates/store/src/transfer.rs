//! What a mover does to a shard: reads a bucket's rows page by page, writes them elsewhere under its token, deletes them.
//!
//! Writing here goes past `BucketTx`, because the rows are not changed, they change their place. In its stead every transaction
//! requires the owner row to be of the state and token that the mover left there: a holder that lost the move is refused by it.

mod statements;

use std::collections::{BTreeMap, BTreeSet};

use model::Bucket;

use crate::{
    Engine, Error, Lock, Primary, Result, Row, Transaction, Value,
    schema::{Kind, Table},
    tables::{
        bucket_owner,
        bucket_owner::{OwnerRow, State},
        change_log,
    },
};
use statements::{KEYS, STATEMENTS, WIDTHS};

pub use change_log::Entry;

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

/// Rows of a bucket in the order of their key, from the one after `after` on: at most `limit`.
pub async fn page(
    engine: &dyn Engine,
    table: &'static Table,
    bucket: Bucket,
    after: Option<Vec<Value>>,
    limit: u32,
) -> Result<Vec<Row>> {
    let statements = of(table)?;
    let sql = if after.is_some() { &statements.next_page } else { &statements.first_page };
    let mut params = vec![bucket.into()];
    params.extend(after.into_iter().flatten());
    params.push(limit.into());
    typed(table, engine.query(sql, params).await?)
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

/// How many rows some buckets have, by bucket and the table's place in `tables`; where there are none there is no entry. The fewer other
/// buckets lie between them, the cheaper.
pub async fn counts(engine: &dyn Engine, buckets: &BTreeSet<Bucket>) -> Result<BTreeMap<(Bucket, usize), u64>> {
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(BTreeMap::new()) };
    let mut counts = BTreeMap::new();
    for row in engine.query(&statements::COUNTS, vec![(*first).into(), (*last).into()]).await? {
        if buckets.contains(&row.bucket(0)?) {
            let place = usize::try_from(row.u64(1)?).map_err(|_| Error::Corrupt("a place".to_owned()))?;
            counts.insert((row.bucket(0)?, place), row.u64(2)?);
        }
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
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(Vec::new()) };
    let sql = "SELECT DISTINCT bucket FROM change_log WHERE bucket >= $1 AND bucket <= $2";
    let rows = engine.query(sql, vec![(*first).into(), (*last).into()]).await?;
    let found: Vec<Bucket> = rows.iter().map(|row| row.bucket(0)).collect::<Result<_>>()?;
    Ok(found.into_iter().filter(|bucket| buckets.contains(bucket)).collect())
}

/// Requires the owner row that the mover left, under the bucket's shared lock: whoever takes the move over waits for this transaction,
/// or this one finds its token.
///
/// Errors: `Moved` where the row is another one.
pub async fn require(tx: &mut dyn Transaction, hold: Hold) -> Result<()> {
    let as_left = |row: &OwnerRow| row.state == hold.state && row.mover == Some(hold.token);
    bucket_owner::require(tx, Lock::Shared(hold.bucket), hold.bucket, as_left).await.map(drop)
}

/// Requires the mover's token, whatever the state.
///
/// Errors: `Moved` where it is another one.
pub async fn require_token(tx: &mut dyn Transaction, bucket: Bucket, token: u64) -> Result<()> {
    bucket_owner::require(tx, Lock::Shared(bucket), bucket, |row| row.mover == Some(token)).await.map(drop)
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
