//! `images`: uploaded pictures and their jobs.

mod codec;

use model::{
    Bucket, ImageId, UserId,
    image::{Image, ImageStatus, JobError, Variant},
};

use crate::{
    BucketTx, Query, Result, Row,
    schema::{Column, Moves, Table, Whose},
};

/// The table.
pub static TABLE: Table = Table {
    name: "images",
    key: &["bucket", "user_id", "id"],
    columns: &[
        Column::int("bucket"),
        Column::int("user_id"),
        Column::text("id"),
        Column::int("version"),
        Column::text("status"),
        Column::int("attempts"),
        Column::text("request"),
        Column::text("source_key"),
        Column::int("source_width"),
        Column::int("source_height"),
        Column::int("source_bytes"),
        Column::text("source_format"),
        Column::text("variants"),
        Column::text("error_code").or_null(),
        Column::text("error_detail").or_null(),
        Column::int("created_at"),
        Column::int("finished_at").or_null(),
    ],
    moves: Moves::Along(Whose::User("user_id")),
};

macro_rules! columns {
    () => {
        "bucket, user_id, id, version, status, attempts, request, source_key, source_width, source_height, source_bytes, \
         source_format, variants, error_code, error_detail, created_at, finished_at"
    };
}

/// An image's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// Rises with every change.
    pub version: u64,
    /// The image.
    pub image: Image,
}

/// One image.
pub async fn get<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, user: UserId, id: &ImageId) -> Result<Option<ImageRow>> {
    let rows = q
        .query(
            concat!("SELECT ", columns!(), " FROM images WHERE bucket = $1 AND user_id = $2 AND id = $3"),
            &[bucket.into(), user.into(), id.into()],
        )
        .await?;
    rows.first().map(codec::row).transpose()
}

/// A user's images, the newest first, older than `before` if there is one. Ids are in the order of time.
pub async fn page<Q: Query + ?Sized>(
    q: &mut Q,
    bucket: Bucket,
    user: UserId,
    before: Option<&ImageId>,
    done_only: bool,
    limit: u32,
) -> Result<Vec<ImageRow>> {
    // Above every id there is: ids are hexadecimal.
    let before = before.map_or("g", ImageId::as_str);
    let sql = if done_only {
        concat!(
            "SELECT ",
            columns!(),
            " FROM images WHERE bucket = $1 AND user_id = $2 AND id < $3 AND status = 'done' ORDER BY id DESC LIMIT $4"
        )
    } else {
        concat!(
            "SELECT ",
            columns!(),
            " FROM images WHERE bucket = $1 AND user_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
        )
    };
    let rows = q.query(sql, &[bucket.into(), user.into(), before.into(), limit.into()]).await?;
    rows.iter().map(codec::row).collect()
}

/// The rows of these ids in this shard, each with its bucket, whosever they are, at most 64: for the sweeper, which knows objects by image
/// id alone.
pub async fn find<Q: Query + ?Sized>(q: &mut Q, ids: &[ImageId]) -> Result<Vec<(Bucket, ImageRow)>> {
    let Some(last) = ids.last() else { return Ok(Vec::new()) };
    // A fixed width keeps the statement prepared.
    let params: Vec<_> = ids.iter().chain(std::iter::repeat(last)).take(FIND_MAX).map(Into::into).collect();
    q.query(FIND, &params).await?.iter().map(in_bucket).collect()
}

fn in_bucket(row: &Row) -> Result<(Bucket, ImageRow)> {
    Ok((row.bucket(0)?, codec::row(row)?))
}

/// Most ids in one `find`.
pub const FIND_MAX: usize = 64;

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM images WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, \
     $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, \
     $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64)"
);

/// Finished images of all buckets, each with its bucket, after the one at `before` if there is one, the greatest id first. While a bucket
/// moves, two shards have its rows, and while a user gets another bucket, two buckets have them: the caller keeps those where its topology
/// has the user.
pub async fn newest_done<Q: Query + ?Sized>(
    q: &mut Q,
    before: Option<&(Bucket, ImageId)>,
    limit: u32,
) -> Result<Vec<(Bucket, ImageRow)>> {
    // Above every id there is: ids are hexadecimal.
    let (bucket, id) = before.map_or((Bucket(0), "g"), |(bucket, id)| (*bucket, id.as_str()));
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM images WHERE id <= $1 AND (id < $1 OR bucket < $2) AND status = 'done' ORDER BY id DESC, bucket DESC LIMIT $3"
    );
    q.query(sql, &[id.into(), bucket.into(), limit.into()]).await?.iter().map(in_bucket).collect()
}

/// Whether a user has a finished image.
pub async fn any_done<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM images WHERE bucket = $1 AND user_id = $2 AND status = 'done' LIMIT 1";
    Ok(!q.query(sql, &[bucket.into(), user.into()]).await?.is_empty())
}

/// How many images a user has, and how many of them have jobs that are not over.
pub async fn count<Q: Query + ?Sized>(q: &mut Q, bucket: Bucket, user: UserId) -> Result<(u64, u64)> {
    let rows = q
        .query(
            "SELECT (SELECT count(*) FROM images WHERE bucket = $1 AND user_id = $2), \
             (SELECT count(*) FROM images WHERE bucket = $1 AND user_id = $2 AND finished_at IS NULL)",
            &[bucket.into(), user.into()],
        )
        .await?;
    rows.first().map_or(Ok((0, 0)), |row| Ok((row.u64(0)?, row.u64(1)?)))
}

/// Creates an image. False: there is one of this id.
pub async fn insert(tx: &mut BucketTx<'_>, row: &ImageRow) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[row.image.user_id.into(), (&row.image.id).into()],
            concat!(
                "INSERT INTO images (",
                columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
                 ON CONFLICT (bucket, user_id, id) DO NOTHING"
            ),
            &codec::params(bucket, row),
        )
        .await?;
    Ok(changed > 0)
}

/// Notes that an attempt has begun, if the job is not over: its number. None: the job is over or the image gone.
pub async fn begin_attempt(tx: &mut BucketTx<'_>, user: UserId, id: &ImageId) -> Result<Option<u32>> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "UPDATE images SET status = 'running', attempts = attempts + 1, version = version + 1 \
             WHERE bucket = $1 AND user_id = $2 AND id = $3 AND status IN ('queued', 'running') RETURNING user_id, id, attempts",
            &[bucket.into(), user.into(), id.into()],
        )
        .await?;
    rows.first().map(|row| row.u32(2)).transpose()
}

/// Puts a job whose attempt failed back to queued. False: it is over or gone.
pub async fn requeue(tx: &mut BucketTx<'_>, user: UserId, id: &ImageId) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into(), id.into()],
            "UPDATE images SET status = 'queued', version = version + 1 \
             WHERE bucket = $1 AND user_id = $2 AND id = $3 AND status = 'running'",
            &[bucket.into(), user.into(), id.into()],
        )
        .await?;
    Ok(changed > 0)
}

/// Ends a job well. False: it was over or the image is gone.
pub async fn finish(
    tx: &mut BucketTx<'_>,
    user: UserId,
    id: &ImageId,
    variants: &[Variant],
    now_ms: i64,
) -> Result<bool> {
    end(tx, user, id, ImageStatus::Done, variants, None, now_ms).await
}

/// Ends a job badly. False: it was over or the image is gone.
pub async fn fail(tx: &mut BucketTx<'_>, user: UserId, id: &ImageId, error: &JobError, now_ms: i64) -> Result<bool> {
    end(tx, user, id, ImageStatus::Failed, &[], Some(error), now_ms).await
}

async fn end(
    tx: &mut BucketTx<'_>,
    user: UserId,
    id: &ImageId,
    status: ImageStatus,
    variants: &[Variant],
    error: Option<&JobError>,
    now_ms: i64,
) -> Result<bool> {
    let bucket = tx.bucket();
    let changed = tx
        .change(
            &TABLE,
            &[user.into(), id.into()],
            "UPDATE images SET status = $4, variants = $5, error_code = $6, error_detail = $7, finished_at = $8, version = version + 1 \
             WHERE bucket = $1 AND user_id = $2 AND id = $3 AND status IN ('queued', 'running')",
            &[
                bucket.into(),
                user.into(),
                id.into(),
                status.as_str().into(),
                codec::variants_json(variants).into(),
                error.map(|error| error.code.as_str()).into(),
                error.map(|error| error.detail.as_str()).into(),
                now_ms.into(),
            ],
        )
        .await?;
    Ok(changed > 0)
}

/// What an image was that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Id.
    pub id: ImageId,
    /// When it was uploaded, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
    /// Whether it was done.
    pub was_done: bool,
}

/// Deletes an image. None: it was gone.
pub async fn remove(tx: &mut BucketTx<'_>, user: UserId, id: &ImageId) -> Result<Option<Removed>> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "DELETE FROM images WHERE bucket = $1 AND user_id = $2 AND id = $3 RETURNING user_id, id, created_at, status",
            &[bucket.into(), user.into(), id.into()],
        )
        .await?;
    rows.first().map(removed).transpose()
}

/// Deletes all images of a user.
pub async fn remove_all(tx: &mut BucketTx<'_>, user: UserId) -> Result<Vec<Removed>> {
    let bucket = tx.bucket();
    let rows = tx
        .change_each(
            &TABLE,
            "DELETE FROM images WHERE bucket = $1 AND user_id = $2 RETURNING user_id, id, created_at, status",
            &[bucket.into(), user.into()],
        )
        .await?;
    rows.iter().map(removed).collect()
}

fn removed(row: &Row) -> Result<Removed> {
    let was_done = row.text(3)? == ImageStatus::Done.as_str();
    Ok(Removed { id: row.image_id(1)?, created_at_ms: row.int(2)?, was_done })
}
