//! `credentials`: password hashes, apart from the users so that no query of a profile ever carries one.

use model::UserId;

use crate::{
    BucketTx, Query, Result,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "credentials",
    key: &["bucket", "user_id"],
    columns: &[Column::int("bucket"), Column::int("user_id"), Column::text("phc"), Column::int("changed_at")],
    moves: Moves::Along(Whose::User("user_id")),
};

/// What a sign-in needs of a user, read in one statement so that hash and epoch belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// The hash, a PHC string.
    pub phc: String,
    /// The user's session epoch; the session may be made only if it is still this one.
    pub session_epoch: u64,
    /// The user's normal e-mail; a claim that names this user may be older than an e-mail change.
    pub email_normal: String,
}

// A hash does not get into a log by being debugged.
impl std::fmt::Debug for SignInRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInRow").field("session_epoch", &self.session_epoch).finish_non_exhaustive()
    }
}

/// Credentials and session epoch of a live user.
pub async fn for_sign_in<Q: Query + ?Sized>(
    q: &mut Q,
    bucket: model::Bucket,
    user: UserId,
) -> Result<Option<SignInRow>> {
    let rows = q
        .query(
            "SELECT c.phc, u.session_epoch, u.email_normal FROM credentials c \
             JOIN users u ON u.bucket = c.bucket AND u.id = c.user_id \
             WHERE c.bucket = $1 AND c.user_id = $2 AND u.state = 'live'",
            &[bucket.into(), user.into()],
        )
        .await?;
    rows.first()
        .map(|row| Ok(SignInRow { phc: row.text(0)?, session_epoch: row.u64(1)?, email_normal: row.text(2)? }))
        .transpose()
}

/// Sets a user's hash, new or in place of the one there.
pub async fn set(tx: &mut BucketTx<'_>, user: UserId, phc: &str, now_ms: i64) -> Result<()> {
    let bucket = tx.bucket();
    tx.change(
        &TABLE,
        &[user.into()],
        "INSERT INTO credentials (bucket, user_id, phc, changed_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (bucket, user_id) DO UPDATE SET phc = excluded.phc, changed_at = excluded.changed_at",
        &[bucket.into(), user.into(), phc.into(), now_ms.into()],
    )
    .await?;
    Ok(())
}

/// Replaces a hash by a stronger one of the same password, if it is still the one that was verified.
pub async fn rehash(tx: &mut BucketTx<'_>, user: UserId, verified: &str, stronger: &str) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into()],
            "UPDATE credentials SET phc = $4 WHERE bucket = $1 AND user_id = $2 AND phc = $3",
            &[bucket.into(), user.into(), verified.into(), stronger.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Removes a user's hash.
pub async fn remove(tx: &mut BucketTx<'_>, user: UserId) -> Result<()> {
    let bucket = tx.bucket();
    tx.change(
        &TABLE,
        &[user.into()],
        "DELETE FROM credentials WHERE bucket = $1 AND user_id = $2",
        &[bucket.into(), user.into()],
    )
    .await?;
    Ok(())
}
