//! `sessions`: the truth about who is signed in. A session is live if it is not revoked, not expired, and of its user's present
//! session epoch.

use model::{Bucket, SessionId, UserId, profile::Role};

use super::{ownership, users};
use crate::{
    BucketTx, Ownership, Query, Result, Row, Value,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "sessions",
    key: &["bucket", "user_id", "id"],
    columns: &[
        Column::int("bucket"),
        Column::int("user_id"),
        Column::blob("id"),
        Column::int("session_epoch"),
        Column::int("created_at"),
        Column::int("last_seen_at"),
        Column::int("expires_at"),
        Column::text("ip"),
        Column::text("user_agent"),
        Column::int("revoked_at").or_null(),
    ],
    moves: Moves::Along(Whose::User("user_id")),
};

macro_rules! columns {
    () => {
        "s.user_id, s.id, s.session_epoch, s.created_at, s.last_seen_at, s.expires_at, s.ip, s.user_agent, s.revoked_at"
    };
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose.
    pub user_id: UserId,
    /// Id.
    pub id: SessionId,
    /// The user's session epoch at its birth.
    pub session_epoch: u64,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was last used, roughly.
    pub last_seen_at_ms: i64,
    /// The nearer of its idle and its absolute bound, as of the last use.
    pub expires_at_ms: i64,
    /// Address of the sign-in.
    pub ip: String,
    /// User agent of the sign-in.
    pub user_agent: String,
    /// When it was ended.
    pub revoked_at_ms: Option<i64>,
}

/// A session and what of its user decides whether it is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithUser {
    /// The session.
    pub session: SessionRow,
    /// The user's present session epoch.
    pub user_epoch: u64,
    /// Whether the user is live.
    pub user_live: bool,
    /// The user's role.
    pub role: Role,
}

impl WithUser {
    /// Whether the session is good for a request now.
    pub fn is_live(&self, now_ms: i64) -> bool {
        let session = &self.session;
        self.user_live
            && session.session_epoch == self.user_epoch
            && session.revoked_at_ms.is_none()
            && now_ms < session.expires_at_ms
    }
}

fn row(row: &Row) -> Result<SessionRow> {
    Ok(SessionRow {
        user_id: row.user_id(0)?,
        id: row.session_id(1)?,
        session_epoch: row.u64(2)?,
        created_at_ms: row.int(3)?,
        last_seen_at_ms: row.int(4)?,
        expires_at_ms: row.int(5)?,
        ip: row.text(6)?,
        user_agent: row.text(7)?,
        revoked_at_ms: row.opt_int(8)?,
    })
}

/// A session with its user, in one statement.
pub async fn get<Q: Query + ?Sized>(
    q: &mut Q,
    bucket: Bucket,
    user: UserId,
    id: SessionId,
) -> Result<Option<WithUser>> {
    let rows = q
        .query(
            concat!(
                "SELECT ",
                columns!(),
                ", u.session_epoch, u.state, u.role FROM sessions s JOIN users u ON u.bucket = s.bucket AND u.id = s.user_id \
                 WHERE s.bucket = $1 AND s.user_id = $2 AND s.id = $3"
            ),
            &[bucket.into(), user.into(), id.into()],
        )
        .await?;
    let Some(found) = rows.first() else { return Ok(None) };
    Ok(Some(WithUser {
        session: row(found)?,
        user_epoch: found.u64(9)?,
        user_live: found.str(10)? == "live",
        role: users::role(found.str(11)?)?,
    }))
}

/// A user's live sessions, the newest first.
pub async fn live_of_user<Q: Query + ?Sized>(
    q: &mut Q,
    bucket: Bucket,
    user: UserId,
    now_ms: i64,
) -> Result<Vec<SessionRow>> {
    let rows = q
        .query(
            concat!(
                "SELECT ",
                columns!(),
                " FROM sessions s JOIN users u ON u.bucket = s.bucket AND u.id = s.user_id \
                 WHERE s.bucket = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3 \
                 AND s.session_epoch = u.session_epoch AND u.state = 'live' ORDER BY s.created_at DESC, s.id"
            ),
            &[bucket.into(), user.into(), now_ms.into()],
        )
        .await?;
    rows.iter().map(row).collect()
}

/// Makes a session, but only if its user is live and still has the session's epoch. Made twice under one id it stays as it was.
///
/// False: the epoch has risen since the credentials were read, or the user is gone.
pub async fn insert(tx: &mut BucketTx<'_>, session: &SessionRow) -> Result<bool> {
    let bucket = tx.bucket();
    let params: [Value; 9] = [
        bucket.into(),
        session.user_id.into(),
        session.id.into(),
        session.session_epoch.into(),
        session.created_at_ms.into(),
        session.last_seen_at_ms.into(),
        session.expires_at_ms.into(),
        session.ip.as_str().into(),
        session.user_agent.as_str().into(),
    ];
    // The update of nothing makes a repeat count as made.
    let changed = tx
        .change(
            &TABLE,
            &[session.user_id.into(), session.id.into()],
            "INSERT INTO sessions (bucket, user_id, id, session_epoch, created_at, last_seen_at, expires_at, ip, user_agent) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM users \
             WHERE bucket = $1 AND id = $2 AND session_epoch = $4 AND state = 'live' \
             ON CONFLICT (bucket, user_id, id) DO UPDATE SET id = excluded.id",
            &params,
        )
        .await?;
    Ok(changed > 0)
}

/// Notes a use. False: the session is revoked or gone.
pub async fn touch(
    tx: &mut BucketTx<'_>,
    user: UserId,
    id: SessionId,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into(), id.into()],
            "UPDATE sessions SET last_seen_at = $4, expires_at = $5 \
             WHERE bucket = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL AND last_seen_at < $4",
            &[bucket.into(), user.into(), id.into(), now_ms.into(), expires_at_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Ends one session. False: it was over, or never was.
pub async fn revoke(tx: &mut BucketTx<'_>, user: UserId, id: SessionId, now_ms: i64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into(), id.into()],
            "UPDATE sessions SET revoked_at = $4 \
             WHERE bucket = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL AND expires_at > $4",
            &[bucket.into(), user.into(), id.into(), now_ms.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Ends all sessions of a user but one: the ids ended.
pub async fn revoke_others(
    tx: &mut BucketTx<'_>,
    user: UserId,
    keep: Option<SessionId>,
    now_ms: i64,
) -> Result<Vec<SessionId>> {
    let bucket = tx.bucket();
    let keep = keep.map_or_else(|| Value::from(Vec::new()), Value::from);
    let rows = tx
        .change_each(
            &TABLE,
            "UPDATE sessions SET revoked_at = $4 \
             WHERE bucket = $1 AND user_id = $2 AND id <> $3 AND revoked_at IS NULL RETURNING user_id, id",
            &[bucket.into(), user.into(), keep, now_ms.into()],
        )
        .await?;
    rows.iter().map(|row| row.session_id(1)).collect()
}

/// Carries one session over to its user's new epoch: the one that changed the password.
pub async fn carry_over(tx: &mut BucketTx<'_>, user: UserId, id: SessionId, session_epoch: u64) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into(), id.into()],
            "UPDATE sessions SET session_epoch = $4 WHERE bucket = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL",
            &[bucket.into(), user.into(), id.into(), session_epoch.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Ends a user's oldest live sessions until `keep` are left: the ids ended.
pub async fn revoke_oldest(tx: &mut BucketTx<'_>, user: UserId, keep: u32, now_ms: i64) -> Result<Vec<SessionId>> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "UPDATE sessions SET revoked_at = $4 WHERE bucket = $1 AND user_id = $2 AND id IN (\
             SELECT s.id FROM sessions s JOIN users u ON u.bucket = s.bucket AND u.id = s.user_id \
             WHERE s.bucket = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $4 \
             AND s.session_epoch = u.session_epoch \
             ORDER BY s.created_at DESC, s.id LIMIT 1000 OFFSET $3) RETURNING user_id, id",
            &[bucket.into(), user.into(), keep.into(), now_ms.into()],
        )
        .await?;
    rows.iter().map(|row| row.session_id(1)).collect()
}

/// Owned buckets that have sessions expired before a time.
pub async fn expired<Q: Query + ?Sized>(q: &mut Q, before_ms: i64, limit: u32) -> Result<Vec<Ownership>> {
    let rows = q
        .query(
            "SELECT DISTINCT o.bucket, o.epoch FROM sessions s JOIN bucket_owner o ON o.bucket = s.bucket \
             WHERE s.expires_at <= $1 AND o.state IN ('owned', 'logging') LIMIT $2",
            &[before_ms.into(), limit.into()],
        )
        .await?;
    rows.iter().map(ownership).collect()
}

/// Removes a bucket's sessions expired before a time: how many.
pub async fn purge(tx: &mut BucketTx<'_>, before_ms: i64) -> Result<usize> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "DELETE FROM sessions WHERE bucket = $1 AND expires_at <= $2 RETURNING user_id, id",
            &[bucket.into(), before_ms.into()],
        )
        .await?;
    Ok(rows.len())
}
