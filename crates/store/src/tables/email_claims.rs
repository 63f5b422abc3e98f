//! `email_claims`: who has an e-mail. Keyed by the normal form, in the bucket of the **e-mail**, not of the user.

use model::{Bucket, UserId};

use super::{Found, ownership};
use crate::{
    BucketTx, Error, Query, Result, Row,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "email_claims",
    key: &["bucket", "email"],
    columns: &[
        Column::int("bucket"),
        Column::text("email"),
        Column::int("user_id"),
        Column::text("state"),
        Column::text("operation"),
        Column::int("deadline"),
    ],
    moves: Moves::Along(Whose::Bucket),
};

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The user may not exist yet; the sweeper looks after the deadline.
    Reserved,
    /// The user exists and has this e-mail.
    Confirmed,
}

impl State {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Confirmed => "confirmed",
        }
    }
}

/// A claim.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The e-mail's normal form.
    pub email: String,
    /// Who claims it.
    pub user_id: UserId,
    /// How far it is.
    pub state: State,
    /// The operation that reserved it; another operation does not confirm or release it.
    pub operation: String,
    /// After this the sweeper decides.
    pub deadline_ms: i64,
}

// An e-mail does not get into a log by being debugged.
impl std::fmt::Debug for ClaimRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaimRow").field("user_id", &self.user_id).field("state", &self.state).finish_non_exhaustive()
    }
}

fn row(row: &Row, at: usize) -> Result<ClaimRow> {
    let state = match row.str(at + 2)? {
        "reserved" => State::Reserved,
        "confirmed" => State::Confirmed,
        _ => return Err(Error::Corrupt("a claim's state".to_owned())),
    };
    Ok(ClaimRow {
        email: row.text(at)?,
        user_id: row.user_id(at + 1)?,
        state,
        operation: row.text(at + 3)?,
        deadline_ms: row.int(at + 4)?,
    })
}

/// Reads a row of all columns, as a mover reads it.
pub fn decode(found: &Row) -> Result<ClaimRow> {
    row(found, 1)
}

/// The claim on an e-mail.
pub async fn get<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, email: &str) -> Result<Option<ClaimRow>> {
    let rows = q
        .query(
            "SELECT email, user_id, state, operation, deadline FROM email_claims WHERE bucket = $1 AND email = $2",
            &[bucket.into(), email.into()],
        )
        .await?;
    rows.first().map(|found| row(found, 0)).transpose()
}

/// Reserves an e-mail. False: somebody has it; `get` tells who.
pub async fn reserve(
    tx: &mut BucketTx<'_>,
    email: &str,
    user: UserId,
    operation: &str,
    deadline_ms: i64,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "INSERT INTO email_claims (bucket, email, user_id, state, operation, deadline) VALUES ($1, $2, $3, 'reserved', $4, $5) \
             ON CONFLICT (bucket, email) DO NOTHING",
            &[bucket.into(), email.into(), user.into(), operation.into(), deadline_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Moves the deadline of an operation's own reservation, when it is resumed. False: it is not reserved by this operation.
pub async fn extend(tx: &mut BucketTx<'_>, email: &str, operation: &str, deadline_ms: i64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "UPDATE email_claims SET deadline = $4 WHERE bucket = $1 AND email = $2 AND operation = $3 AND state = 'reserved'",
            &[bucket.into(), email.into(), operation.into(), deadline_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Confirms an operation's claim; confirming twice is the same. False: the claim is another's or gone.
pub async fn confirm(tx: &mut BucketTx<'_>, email: &str, operation: &str) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "UPDATE email_claims SET state = 'confirmed' WHERE bucket = $1 AND email = $2 AND operation = $3",
            &[bucket.into(), email.into(), operation.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Releases an operation's reservation. False: it was confirmed, is another's, or gone.
pub async fn release_reserved(tx: &mut BucketTx<'_>, email: &str, operation: &str) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "DELETE FROM email_claims WHERE bucket = $1 AND email = $2 AND operation = $3 AND state = 'reserved'",
            &[bucket.into(), email.into(), operation.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Hands a confirmed claim to another operation of the same user, reserved again. False: it is no longer that operation's.
pub async fn take_over(
    tx: &mut BucketTx<'_>,
    email: &str,
    from: &str,
    operation: &str,
    deadline_ms: i64,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "UPDATE email_claims SET state = 'reserved', operation = $4, deadline = $5 \
             WHERE bucket = $1 AND email = $2 AND operation = $3 AND state = 'confirmed'",
            &[bucket.into(), email.into(), from.into(), operation.into(), deadline_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Releases an operation's claim, reserved or confirmed. False: it is another's, or gone.
pub async fn release(tx: &mut BucketTx<'_>, email: &str, operation: &str) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "DELETE FROM email_claims WHERE bucket = $1 AND email = $2 AND operation = $3",
            &[bucket.into(), email.into(), operation.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Releases whatever claim this user has on the e-mail: after a deletion or an e-mail change. Releasing twice is the same.
pub async fn release_of_user(tx: &mut BucketTx<'_>, email: &str, user: UserId) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[email.into()],
            "DELETE FROM email_claims WHERE bucket = $1 AND email = $2 AND user_id = $3",
            &[bucket.into(), email.into(), user.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Reservations past their deadline in buckets this shard owns, the oldest first.
pub async fn overdue<Q: Query + ?Sized>(q: &mut Q, now_ms: i64, limit: u32) -> Result<Vec<Found<ClaimRow>>> {
    let rows = q
        .query(
            "SELECT o.bucket, o.epoch, c.email, c.user_id, c.state, c.operation, c.deadline \
             FROM email_claims c JOIN bucket_owner o ON o.bucket = c.bucket \
             WHERE c.state = 'reserved' AND c.deadline <= $1 AND o.state IN ('owned', 'logging') \
             ORDER BY c.deadline LIMIT $2",
            &[now_ms.into(), limit.into()],
        )
        .await?;
    rows.iter().map(|found| Ok(Found { own: ownership(found)?, row: row(found, 2)? })).collect()
}
