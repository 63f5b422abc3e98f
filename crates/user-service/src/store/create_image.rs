//! An upload's row: image, job and recorded answer in one transaction. The object is there already.

use api::image::v1 as proto;
use model::{
    Code, Error, ImageId, Location, Result, UserId,
    image::{Image, ImageStatus, Source},
};
use prost::Message;
use store::{
    BucketTx,
    tables::{
        idempotency::{self, Answer, RequestRow},
        images::{self, ImageRow},
        users,
    },
};

use super::{
    Done, Recipes, emit,
    idempotency::{Key, OK},
    no_user,
};
use crate::{
    config::Limits,
    domain::replay::{self, Course, Recorded},
    outbox::event::Event,
};

const SCOPE: &str = "upload";
/// When a quota of running jobs is worth asking again: about as long as one takes.
const JOBS_RETRY_S: u32 = 5;
/// A quota of pictures frees only when pictures are deleted.
const PICTURES_RETRY_S: u32 = 60;

/// An upload whose object is stored.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Whose.
    pub user: UserId,
    /// Its id, which the object's key begins with.
    pub image: ImageId,
    /// What was uploaded.
    pub source: Source,
    /// The request as canonical JSON.
    pub request_json: String,
    /// The prints, where the request has a key.
    pub key: Option<Key>,
    /// For the job's logs.
    pub request_id: String,
    /// For the job's trace.
    pub traceparent: String,
}

/// An image that an upload made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The image.
    pub image: proto::Image,
    /// Whether an earlier, equal request made it.
    pub replayed: bool,
}

impl Recipes {
    /// Records an upload and queues its job.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is no such user, `QUOTA_EXCEEDED`, `IDEMPOTENCY_KEY_REUSED`.
    pub async fn create_image(&self, upload: Upload, now_ms: i64) -> Result<Done<Made>> {
        check(&upload)?;
        let (limits, keep_ms) = (self.config().limits.clone(), i64::from(self.config().sweeper.idempotency_ms));
        let written = self
            .shards()
            .write(upload.user, move |tx| Box::pin(async move { create(tx, &upload, &limits, keep_ms, now_ms).await }))
            .await?;
        self.poke().job();
        Ok(Done::of(written))
    }
}

fn check(upload: &Upload) -> Result<()> {
    let own_key = upload.source.key.strip_prefix(upload.image.as_str()).is_some_and(|rest| rest.starts_with('-'));
    if !own_key {
        return Err(
            Error::invalid(Vec::new()).field(Location::Pointer("/source/key".into()), "must begin with the image's id")
        );
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(&upload.request_json).is_err() {
        return Err(Error::invalid(Vec::new()).field(Location::Pointer("/request_json".into()), "must be JSON"));
    }
    Ok(())
}

async fn create(
    tx: &mut BucketTx<'_>,
    upload: &Upload,
    limits: &Limits,
    keep_ms: i64,
    now_ms: i64,
) -> store::Result<Made> {
    let bucket = tx.bucket();
    users::get_live(tx, bucket, upload.user).await?.ok_or_else(no_user)?;
    if let Some(made) = replayed(tx, upload, now_ms).await? {
        return Ok(made);
    }
    // The same upload again after an answer that never came: it is there.
    if let Some(row) = images::get(tx, bucket, upload.user, &upload.image).await? {
        return Ok(Made { image: row.image.into(), replayed: true });
    }
    let (pictures, running) = images::count(tx, bucket, upload.user).await?;
    within(limits, pictures, running)?;
    let image = Image {
        id: upload.image.clone(),
        user_id: upload.user,
        status: ImageStatus::Queued,
        attempts: 0,
        error: None,
        source: upload.source.clone(),
        variants: Vec::new(),
        created_at_ms: now_ms,
        finished_at_ms: None,
        request_json: upload.request_json.clone(),
    };
    images::insert(tx, &ImageRow { version: 1, image: image.clone() }).await?;
    let job = Event::Job {
        user_id: upload.user.get(),
        image_id: upload.image.to_string(),
        request_id: upload.request_id.clone(),
        traceparent: upload.traceparent.clone(),
    };
    emit(tx, &job, now_ms).await?;
    let image = proto::Image::from(image);
    if let Some(key) = upload.key {
        idempotency::begin(tx, &record(key, &image, keep_ms, now_ms)).await?;
    }
    Ok(Made { image, replayed: false })
}

/// The recorded answer, if there is one. The object that came with the repeat belongs to no row then, and goes.
async fn replayed(tx: &mut BucketTx<'_>, upload: &Upload, now_ms: i64) -> store::Result<Option<Made>> {
    let Some(key) = upload.key else { return Ok(None) };
    let bucket = tx.bucket();
    let Some(row) = idempotency::get(tx, bucket, SCOPE, &key.key).await? else {
        return Ok(None);
    };
    let recorded = Recorded { same_request: row.request_hash == key.request, done: true, deadline_ms: 0 };
    if let Course::Refuse(error) = replay::course(Some(&recorded), now_ms) {
        return Err(error.into());
    }
    let body = row.answer.map(|answer| answer.body).unwrap_or_default();
    let image =
        proto::Image::decode(body.as_slice()).map_err(|_| store::Error::Corrupt("a recorded image".to_owned()))?;
    if image.id != upload.image.as_str() {
        for event in Event::delete_objects(std::slice::from_ref(&upload.image)) {
            emit(tx, &event, now_ms).await?;
        }
    }
    Ok(Some(Made { image, replayed: true }))
}

fn record(key: Key, image: &proto::Image, keep_ms: i64, now_ms: i64) -> RequestRow {
    RequestRow {
        scope: SCOPE.to_owned(),
        key_hash: key.key,
        request_hash: key.request,
        operation: image.id.clone(),
        subject: image.id.clone(),
        deadline_ms: now_ms,
        answer: Some(Answer { code: OK.to_owned(), body: image.encode_to_vec() }),
        expires_at_ms: now_ms + keep_ms,
    }
}

fn within(limits: &Limits, pictures: u64, running: u64) -> Result<()> {
    if pictures >= u64::from(limits.pictures) {
        let detail = format!("You have {pictures} pictures, the most there may be. Delete some, then try again.");
        return Err(used_up("pictures", limits.pictures, detail, PICTURES_RETRY_S));
    }
    if running >= u64::from(limits.running_jobs) {
        let detail = format!(
            "{running} of your pictures are being worked on, the most at a time. Wait for one, then try again."
        );
        return Err(used_up("jobs", limits.running_jobs, detail, JOBS_RETRY_S));
    }
    Ok(())
}

fn used_up(name: &str, quota: u32, detail: String, retry_s: u32) -> Error {
    Error::new(Code::QuotaExceeded, detail).retry_after(retry_s).policy(format!("\"{name}\";q={quota}"))
}
