//! `idempotency`: answers recorded under a caller's key, so that a repeat gets the answer and does nothing.

use model::Bucket;

use super::ownership;
use crate::{
    BucketTx, Error, Ownership, Query, Result,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "idempotency",
    key: &["bucket", "scope", "key_hash"],
    columns: &[
        Column::int("bucket"),
        Column::text("scope"),
        Column::blob("key_hash"),
        Column::blob("request_hash"),
        Column::text("state"),
        Column::text("operation"),
        Column::text("subject"),
        Column::int("deadline"),
        Column::text("code").or_null(),
        Column::blob("answer").or_null(),
        Column::int("expires_at"),
    ],
    moves: Moves::Along(Whose::Untold),
};

/// A request under a key: begun, or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// What the key belongs to: a route and its caller.
    pub scope: String,
    /// Keyed print of caller, method, path and key.
    pub key_hash: [u8; 32],
    /// Keyed print of the request.
    pub request_hash: [u8; 32],
    /// Id of the operation that runs or ran.
    pub operation: String,
    /// What was allotted to it beforehand: a user id, a session id.
    pub subject: String,
    /// While there is no answer: after this another request may resume it.
    pub deadline_ms: i64,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
    /// After this the row may be purged.
    pub expires_at_ms: i64,
}

/// A recorded answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `OK`, or the code of a refusal.
    pub code: String,
    /// The service's own encoding.
    pub body: Vec<u8>,
}

/// The request under a key.
pub async fn get<Q: Query + ?Sized>(
    q: &mut Q,
    bucket: Bucket,
    scope: &str,
    key_hash: &[u8; 32],
) -> Result<Option<RequestRow>> {
    let rows = q
        .query(
            "SELECT request_hash, state, operation, subject, deadline, code, answer, expires_at FROM idempotency \
             WHERE bucket = $1 AND scope = $2 AND key_hash = $3",
            &[bucket.into(), scope.into(), key_hash.into()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let answer = match row.str(1)? {
        "started" => None,
        "done" => Some(Answer { code: row.text(5)?, body: row.blob(6)? }),
        _ => return Err(Error::Corrupt("an idempotency row's state".to_owned())),
    };
    Ok(Some(RequestRow {
        scope: scope.to_owned(),
        key_hash: *key_hash,
        request_hash: row.bytes(0)?,
        operation: row.text(2)?,
        subject: row.text(3)?,
        deadline_ms: row.int(4)?,
        answer,
        expires_at_ms: row.int(7)?,
    }))
}

/// Records a request, begun or already answered. False: there is one under this key; `get` tells which.
pub async fn begin(tx: &mut BucketTx<'_>, request: &RequestRow) -> Result<bool> {
    let bucket = tx.bucket();
    let (state, code, body) = match &request.answer {
        None => ("started", None, None),
        Some(answer) => ("done", Some(answer.code.as_str()), Some(answer.body.clone())),
    };
    let changed = tx
        .change(
            &TABLE,
            &[request.scope.as_str().into(), request.key_hash.into()],
            "INSERT INTO idempotency \
             (bucket, scope, key_hash, request_hash, state, operation, subject, deadline, code, answer, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (bucket, scope, key_hash) DO NOTHING",
            &[
                bucket.into(),
                request.scope.as_str().into(),
                request.key_hash.into(),
                request.request_hash.into(),
                state.into(),
                request.operation.as_str().into(),
                request.subject.as_str().into(),
                request.deadline_ms.into(),
                code.into(),
                body.into(),
                request.expires_at_ms.into(),
            ],
        )
        .await?;
    Ok(changed > 0)
}

/// Takes over a request whose deadline has passed. False: another was quicker, or it is answered.
pub async fn resume(tx: &mut BucketTx<'_>, request: &RequestRow, deadline_ms: i64, now_ms: i64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[request.scope.as_str().into(), request.key_hash.into()],
            "UPDATE idempotency SET deadline = $5 \
             WHERE bucket = $1 AND scope = $2 AND key_hash = $3 AND operation = $4 AND state = 'started' AND deadline <= $6",
            &[
                bucket.into(),
                request.scope.as_str().into(),
                request.key_hash.into(),
                request.operation.as_str().into(),
                deadline_ms.into(),
                now_ms.into(),
            ],
        )
        .await?;
    Ok(changed > 0)
}

/// Records the answer of a begun request. False: it was answered before, or is not this operation's.
pub async fn finish(
    tx: &mut BucketTx<'_>,
    scope: &str,
    key_hash: &[u8; 32],
    operation: &str,
    answer: &Answer,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[scope.into(), key_hash.into()],
            "UPDATE idempotency SET state = 'done', code = $5, answer = $6 \
             WHERE bucket = $1 AND scope = $2 AND key_hash = $3 AND operation = $4 AND state = 'started'",
            &[
                bucket.into(),
                scope.into(),
                key_hash.into(),
                operation.into(),
                answer.code.as_str().into(),
                answer.body.clone().into(),
            ],
        )
        .await?;
    Ok(changed > 0)
}

/// Removes a begun request whose outcome is not to be recorded. False: it was answered, or is not this operation's.
pub async fn forget(tx: &mut BucketTx<'_>, scope: &str, key_hash: &[u8; 32], operation: &str) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[scope.into(), key_hash.into()],
            "DELETE FROM idempotency WHERE bucket = $1 AND scope = $2 AND key_hash = $3 AND operation = $4 AND state = 'started'",
            &[bucket.into(), scope.into(), key_hash.into(), operation.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Ends a begun request whose outcome its operation does not know: another may resume it at once. False: as with [`forget`].
pub async fn let_go(
    tx: &mut BucketTx<'_>,
    scope: &str,
    key_hash: &[u8; 32],
    operation: &str,
    now_ms: i64,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[scope.into(), key_hash.into()],
            "UPDATE idempotency SET deadline = $5 \
             WHERE bucket = $1 AND scope = $2 AND key_hash = $3 AND operation = $4 AND state = 'started'",
            &[bucket.into(), scope.into(), key_hash.into(), operation.into(), now_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Owned buckets that have expired requests.
pub async fn expired<Q: Query + ?Sized>(q: &mut Q, now_ms: i64, limit: u32) -> Result<Vec<Ownership>> {
    let rows = q
        .query(
            "SELECT DISTINCT o.bucket, o.epoch FROM idempotency i JOIN bucket_owner o ON o.bucket = i.bucket \
             WHERE i.expires_at <= $1 AND o.state IN ('owned', 'logging') LIMIT $2",
            &[now_ms.into(), limit.into()],
        )
        .await?;
    rows.iter().map(ownership).collect()
}

/// Removes a bucket's expired requests: how many.
pub async fn purge(tx: &mut BucketTx<'_>, now_ms: i64) -> Result<usize> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "DELETE FROM idempotency WHERE bucket = $1 AND expires_at <= $2 RETURNING scope, key_hash",
            &[bucket.into(), now_ms.into()],
        )
        .await?;
    Ok(rows.len())
}
