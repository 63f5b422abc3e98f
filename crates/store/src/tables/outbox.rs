//! `outbox`: what is still to be told to others, written with the change it tells of. A row leaves when its telling is confirmed.

use super::{Found, fresh_id, ownership};
use crate::{
    BucketTx, Query, Result, Row,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "outbox",
    key: &["bucket", "id"],
    columns: &[
        Column::int("bucket"),
        Column::blob("id"),
        Column::text("kind"),
        Column::blob("payload"),
        Column::int("attempts"),
        Column::int("not_before"),
        Column::int("created_at"),
    ],
    moves: Moves::Along(Whose::Bucket),
};

macro_rules! due_where {
    ($condition:literal) => {
        concat!(
            "SELECT o.bucket, o.epoch, m.id, m.kind, m.payload, m.attempts, m.not_before, m.created_at \
             FROM outbox m JOIN bucket_owner o ON o.bucket = m.bucket \
             WHERE ",
            $condition,
            "m.not_before <= $1 AND o.state IN ('owned', 'logging') ORDER BY m.not_before LIMIT $2"
        )
    };
}

/// Id of a message: time-ordered, unique over all shards.
pub type MessageId = [u8; 16];

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Id.
    pub id: MessageId,
    /// What it is; says how to read the payload.
    pub kind: String,
    /// Content.
    pub payload: Vec<u8>,
    /// Tellings that failed.
    pub attempts: u32,
    /// Not to be told before this.
    pub not_before_ms: i64,
    /// When it was written.
    pub created_at_ms: i64,
}

/// Writes a message, due at once or at `not_before_ms` if that is later. Answers its id.
pub async fn add(
    tx: &mut BucketTx<'_>,
    kind: &str,
    payload: Vec<u8>,
    not_before_ms: i64,
    now_ms: i64,
) -> Result<MessageId> {
    let (bucket, id) = (tx.bucket(), fresh_id(now_ms)?);
    tx.change(
        &TABLE,
        &[id.into()],
        "INSERT INTO outbox (bucket, id, kind, payload, attempts, not_before, created_at) VALUES ($1, $2, $3, $4, 0, $5, $6)",
        &[bucket.into(), id.into(), kind.into(), payload.into(), not_before_ms.into(), now_ms.into()],
    )
    .await?;
    Ok(id)
}

/// Removes a message that was told. False: it was gone.
pub async fn remove(tx: &mut BucketTx<'_>, id: MessageId) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(&TABLE, &[id.into()], "DELETE FROM outbox WHERE bucket = $1 AND id = $2", &[bucket.into(), id.into()])
        .await?;
    Ok(changed > 0)
}

/// Counts a failed telling and puts the next one off. False: the message is gone.
pub async fn postpone(tx: &mut BucketTx<'_>, id: MessageId, not_before_ms: i64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[id.into()],
            "UPDATE outbox SET attempts = attempts + 1, not_before = $3 WHERE bucket = $1 AND id = $2",
            &[bucket.into(), id.into(), not_before_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Messages due in buckets this shard owns, the longest due first.
pub async fn due<Q: Query + ?Sized>(q: &mut Q, now_ms: i64, limit: u32) -> Result<Vec<Found<MessageRow>>> {
    let rows = q.query(due_where!(""), &[now_ms.into(), limit.into()]).await?;
    rows.iter().map(found).collect()
}

/// The same, of one kind only.
pub async fn due_of<Q: Query + ?Sized>(
    q: &mut Q,
    kind: &str,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Found<MessageRow>>> {
    let rows = q.query(due_where!("m.kind = $3 AND "), &[now_ms.into(), limit.into(), kind.into()]).await?;
    rows.iter().map(found).collect()
}

/// The same, of every kind but one.
pub async fn due_but<Q: Query + ?Sized>(
    q: &mut Q,
    kind: &str,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Found<MessageRow>>> {
    // Two ranges of the index on (kind, not_before), where <> would be none.
    let rows =
        q.query(due_where!("(m.kind < $3 OR m.kind > $3) AND "), &[now_ms.into(), limit.into(), kind.into()]).await?;
    rows.iter().map(found).collect()
}

fn found(row: &Row) -> Result<Found<MessageRow>> {
    let message = MessageRow {
        id: row.bytes(2)?,
        kind: row.text(3)?,
        payload: row.blob(4)?,
        attempts: row.u32(5)?,
        not_before_ms: row.int(6)?,
        created_at_ms: row.int(7)?,
    };
    Ok(Found { own: ownership(row)?, row: message })
}

/// When the next message is due, in any bucket; none where there is no message.
pub async fn next_due<Q: Query + ?Sized>(q: &mut Q) -> Result<Option<i64>> {
    let rows = q.query("SELECT min(not_before) FROM outbox", &[]).await?;
    rows.first().map_or(Ok(None), |row| row.opt_int(0))
}

/// How many messages wait, told ones that failed included: a gauge.
pub async fn depth<Q: Query + ?Sized>(q: &mut Q) -> Result<u64> {
    let rows = q.query("SELECT count(*) FROM outbox", &[]).await?;
    rows.first().map_or(Ok(0), |row| row.u64(0))
}
