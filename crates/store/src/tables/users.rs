//! `users`: accounts and profiles. A deleted user stays as a tombstone; a void one bars an id whose sign-up came to nothing.

mod codec;

use model::{Bucket, UserId, profile::User};

pub(crate) use codec::role;

use crate::{
    BucketTx, Query, Result, Row, Value,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "users",
    key: &["bucket", "id"],
    columns: &[
        Column::int("bucket"),
        Column::int("id"),
        Column::int("version"),
        Column::int("session_epoch"),
        Column::text("state"),
        Column::text("role"),
        Column::text("email"),
        Column::text("email_normal"),
        Column::text("first_name"),
        Column::text("last_name"),
        Column::text("address").or_null(),
        Column::text("phone_numbers"),
        Column::int("picture_version"),
        Column::text("picture_image").or_null(),
        Column::text("picture_variant").or_null(),
        Column::text("picture_key").or_null(),
        Column::int("created_at"),
        Column::int("updated_at"),
    ],
    moves: Moves::Along(Whose::User("id")),
};

macro_rules! columns {
    () => {
        "bucket, id, version, session_epoch, state, role, email, email_normal, first_name, last_name, address, phone_numbers, \
         picture_version, picture_image, picture_variant, picture_key, created_at, updated_at"
    };
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A user.
    Live,
    /// Nobody: the sweeper gave this id up before its user was created.
    Void,
    /// A user that was.
    Deleted,
}

impl State {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Void => "void",
            Self::Deleted => "deleted",
        }
    }
}

/// A user's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// What the id stands for; only a live one's profile means anything.
    pub state: State,
    /// Sessions of an older epoch are over.
    pub session_epoch: u64,
    /// The e-mail's normal form.
    pub email_normal: String,
    /// Version of the picture, also while none is worn: it never falls.
    pub picture_version: u64,
    /// The profile.
    pub user: User,
}

/// Reads a row of all columns, as a mover reads it.
pub fn decode(row: &Row) -> Result<UserRow> {
    codec::row(row)
}

/// The row of a user, whatever its state.
pub async fn get<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, id: UserId) -> Result<Option<UserRow>> {
    let rows = q
        .query(concat!("SELECT ", columns!(), " FROM users WHERE bucket = $1 AND id = $2"), &[bucket.into(), id.into()])
        .await?;
    rows.first().map(codec::row).transpose()
}

/// The live user of an id.
pub async fn get_live<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, id: UserId) -> Result<Option<UserRow>> {
    Ok(get(q, bucket, id).await?.filter(|row| row.state == State::Live))
}

/// The rows of many users in one statement per 64, in no order; ids without a row are left out.
pub async fn get_many<Q: Query + ?Sized>(q: &mut Q, keys: &[(Bucket, UserId)]) -> Result<Vec<UserRow>> {
    let mut found = Vec::with_capacity(keys.len());
    let mut rest = keys;
    while let Some(last) = rest.last().copied() {
        let (sql, width) = if rest.len() <= 8 { (GET_8, 8) } else { (GET_64, 64) };
        let (page, later) = rest.split_at(rest.len().min(width));
        // A fixed width keeps the statement prepared; a pair given twice is still one row.
        let padded = page.iter().copied().chain(std::iter::repeat(last)).take(width);
        let params: Vec<Value> = padded.flat_map(|(bucket, id)| [bucket.into(), id.into()]).collect();
        for row in q.query(sql, &params).await? {
            let row_key = (row.bucket(0)?, row.user_id(1)?);
            // Where the last key pads an earlier page, its row belongs to its own page.
            if page.contains(&row_key) {
                found.push(codec::row(&row)?);
            }
        }
        rest = later;
    }
    Ok(found)
}

/// Live users after the one at `after`, in the order of ids, each with its bucket. While a bucket moves, two shards have its rows, and
/// while a user gets another bucket, two buckets have its row: the caller keeps those where its topology has the user.
pub async fn page<Q: Query + ?Sized>(q: &mut Q, after: (u64, Bucket), limit: u32) -> Result<Vec<(Bucket, UserRow)>> {
    let rows = q
        .query(
            concat!(
                "SELECT ",
                columns!(),
                " FROM users WHERE id >= $1 AND (id > $1 OR bucket > $2) AND state = 'live' ORDER BY id, bucket LIMIT $3"
            ),
            &[after.0.into(), after.1.into(), limit.into()],
        )
        .await?;
    rows.iter().map(in_bucket).collect()
}

/// Live administrators in the order of ids, as `page` has users. They are few; the look goes over all users.
pub async fn admins<Q: Query + ?Sized>(q: &mut Q) -> Result<Vec<(Bucket, UserRow)>> {
    let rows = q
        .query(concat!("SELECT ", columns!(), " FROM users WHERE state = 'live' AND role = 'admin' ORDER BY id"), &[])
        .await?;
    rows.iter().map(in_bucket).collect()
}

fn in_bucket(row: &Row) -> Result<(Bucket, UserRow)> {
    Ok((row.bucket(0)?, codec::row(row)?))
}

/// Creates a row. False: the id has one, perhaps void; the creator gives up.
pub async fn insert(tx: &mut BucketTx<'_>, row: &UserRow) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[row.user.id.into()],
            concat!(
                "INSERT INTO users (",
                columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
                 ON CONFLICT (bucket, id) DO NOTHING"
            ),
            &codec::params(bucket, row),
        )
        .await?;
    Ok(changed > 0)
}

/// Bars an id: whoever would create a user under it later meets this row. False: the id has a row.
pub async fn insert_void(tx: &mut BucketTx<'_>, id: UserId, now_ms: i64) -> Result<bool> {
    insert(tx, &codec::empty(id, State::Void, now_ms)).await
}

/// Writes a row over the one there, if that one is live and still has `version`. False: it has not; read again.
///
/// The caller raises the version in `row`, unless nothing changed that the world may see.
pub async fn update(tx: &mut BucketTx<'_>, version: u64, row: &UserRow) -> Result<bool> {
    let bucket = tx.bucket();
    let mut params = codec::params(bucket, row);
    params.push(version.into());
    let changed = tx
        .change(
            &TABLE,
            &[row.user.id.into()],
            "UPDATE users SET version = $3, session_epoch = $4, state = $5, role = $6, email = $7, email_normal = $8, \
             first_name = $9, last_name = $10, address = $11, phone_numbers = $12, picture_version = $13, picture_image = $14, \
             picture_variant = $15, picture_key = $16, created_at = $17, updated_at = $18 \
             WHERE bucket = $1 AND id = $2 AND state = 'live' AND version = $19",
            &params,
        )
        .await?;
    Ok(changed > 0)
}

/// Makes a live user of any version a tombstone: no personal data stays, the session epoch rises, the version too.
pub async fn delete(tx: &mut BucketTx<'_>, present: &UserRow, now_ms: i64) -> Result<bool> {
    let mut row = codec::empty(present.user.id, State::Deleted, now_ms);
    row.session_epoch = present.session_epoch + 1;
    row.picture_version = present.picture_version;
    row.user.version = present.user.version + 1;
    row.user.created_at_ms = present.user.created_at_ms;
    update(tx, present.user.version, &row).await
}

/// Ends all sessions of a live user by raising the session epoch: the new one. The profile's version stays.
pub async fn raise_session_epoch(tx: &mut BucketTx<'_>, id: UserId) -> Result<Option<u64>> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "UPDATE users SET session_epoch = session_epoch + 1 WHERE bucket = $1 AND id = $2 AND state = 'live' \
             RETURNING id, session_epoch",
            &[bucket.into(), id.into()],
        )
        .await?;
    rows.first().map(|row| row.u64(1)).transpose()
}

/// How many live users this shard's buckets have.
pub async fn count<Q: Query + ?Sized>(q: &mut Q) -> Result<u64> {
    let rows = q.query("SELECT count(*) FROM users WHERE state = 'live'", &[]).await?;
    rows.first().map_or(Ok(0), |row| row.u64(0))
}

const GET_8: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE (bucket, id) IN (VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8), ($9, $10), ($11, $12), ($13, $14), ($15, $16))"
);

const GET_64: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE (bucket, id) IN (VALUES \
         ($1, $2), ($3, $4), ($5, $6), ($7, $8), ($9, $10), ($11, $12), ($13, $14), ($15, $16), ($17, $18), \
         ($19, $20), ($21, $22), ($23, $24), ($25, $26), ($27, $28), ($29, $30), ($31, $32), ($33, $34), \
         ($35, $36), ($37, $38), ($39, $40), ($41, $42), ($43, $44), ($45, $46), ($47, $48), ($49, $50), \
         ($51, $52), ($53, $54), ($55, $56), ($57, $58), ($59, $60), ($61, $62), ($63, $64), ($65, $66), \
         ($67, $68), ($69, $70), ($71, $72), ($73, $74), ($75, $76), ($77, $78), ($79, $80), ($81, $82), \
         ($83, $84), ($85, $86), ($87, $88), ($89, $90), ($91, $92), ($93, $94), ($95, $96), ($97, $98), \
         ($99, $100), ($101, $102), ($103, $104), ($105, $106), ($107, $108), ($109, $110), ($111, $112), \
         ($113, $114), ($115, $116), ($117, $118), ($119, $120), ($121, $122), ($123, $124), ($125, $126), \
         ($127, $128))"
);
