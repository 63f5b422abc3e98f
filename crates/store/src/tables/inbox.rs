//! `inbox`: messages consumed, so that one delivered twice changes nothing.

use super::ownership;
use crate::{
    BucketTx, Ownership, Query, Result,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "inbox",
    key: &["bucket", "id"],
    columns: &[Column::int("bucket"), Column::text("id"), Column::int("consumed_at"), Column::int("expires_at")],
    moves: Moves::Along(Whose::Untold),
};

/// Marks a message consumed. False: it was before; change nothing and answer as then.
pub async fn consume(tx: &mut BucketTx<'_>, id: &str, now_ms: i64, expires_at_ms: i64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[id.into()],
            "INSERT INTO inbox (bucket, id, consumed_at, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (bucket, id) DO NOTHING",
            &[bucket.into(), id.into(), now_ms.into(), expires_at_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Whether a message was consumed.
pub async fn contains<Q: Query + ?Sized>(q: &mut Q, bucket: model::Bucket, id: &str) -> Result<bool> {
    let rows = q.query("SELECT 1 FROM inbox WHERE bucket = $1 AND id = $2", &[bucket.into(), id.into()]).await?;
    Ok(!rows.is_empty())
}

/// Owned buckets that have expired entries.
pub async fn expired<Q: Query + ?Sized>(q: &mut Q, now_ms: i64, limit: u32) -> Result<Vec<Ownership>> {
    let rows = q
        .query(
            "SELECT DISTINCT o.bucket, o.epoch FROM inbox i JOIN bucket_owner o ON o.bucket = i.bucket \
             WHERE i.expires_at <= $1 AND o.state IN ('owned', 'logging') LIMIT $2",
            &[now_ms.into(), limit.into()],
        )
        .await?;
    rows.iter().map(ownership).collect()
}

/// Removes a bucket's expired entries: how many.
pub async fn purge(tx: &mut BucketTx<'_>, now_ms: i64) -> Result<usize> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "DELETE FROM inbox WHERE bucket = $1 AND expires_at <= $2 RETURNING id",
            &[bucket.into(), now_ms.into()],
        )
        .await?;
    Ok(rows.len())
}
