//! A job's way through the row: begun, done, failed. Reports may come twice and late; each counts once.

use model::{
    Code, Error, ImageId, Location, Result, UserId,
    image::{Image, ImageStatus, JobError, Variant},
};
use store::{
    BucketTx,
    tables::{images, inbox},
};

use super::{Done, Recipes, emit, emit_later};
use crate::{
    domain::image_job::{self, Step},
    metrics,
    outbox::event::Event,
};

/// The image that a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOf {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub image: ImageId,
}

/// A report that an attempt failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which attempt.
    pub attempt: u32,
    /// Why.
    pub error: JobError,
    /// Whether another attempt cannot help.
    pub is_final: bool,
}

/// A report's kind, with what tells two reports apart.
#[derive(Debug, Clone)]
enum Report {
    Begin,
    Done(u32, Vec<Variant>),
    Failed(Failure),
}

/// Bounds from the settings.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    attempts: u32,
    inbox_ms: i64,
    failed_source_ms: i64,
}

impl Recipes {
    /// Begins an attempt.
    ///
    /// # Errors
    /// `JOB_OVER` where there is nothing left to do.
    pub async fn begin_job(&self, of: JobOf, now_ms: i64) -> Result<Done<Image>> {
        self.report(of, Report::Begin, now_ms).await
    }

    /// Takes a worker's result. Repeated, it changes nothing and answers the same.
    ///
    /// # Errors
    /// `JOB_OVER` where the image is deleted or has failed; what the worker stored is deleted then.
    pub async fn report_done(
        &self,
        of: JobOf,
        attempt: u32,
        variants: Vec<Variant>,
        now_ms: i64,
    ) -> Result<Done<Image>> {
        let prefix = format!("{}-", of.image);
        if variants.is_empty() || !variants.iter().all(|variant| variant.key.starts_with(&prefix)) {
            let detail = "must be one or more, with keys that begin with the image's id";
            return Err(Error::invalid(Vec::new()).field(Location::Pointer("/variants".into()), detail));
        }
        self.report(of, Report::Done(attempt, variants), now_ms).await
    }

    /// Takes a worker's failure: queued again, or failed for good.
    ///
    /// # Errors
    /// `JOB_OVER` where the image is deleted.
    pub async fn report_failed(&self, of: JobOf, failure: Failure, now_ms: i64) -> Result<Done<Image>> {
        self.report(of, Report::Failed(failure), now_ms).await
    }

    async fn report(&self, of: JobOf, report: Report, now_ms: i64) -> Result<Done<Image>> {
        let bounds = Bounds {
            attempts: self.config().images.attempts,
            inbox_ms: self.config().sweeper.inbox_ms.into(),
            failed_source_ms: self.config().images.failed_source_ms.into(),
        };
        let image = of.image.clone();
        let written = self
            .shards()
            .write(of.user, move |tx| Box::pin(async move { take(tx, &of, report, bounds, now_ms).await }))
            .await?;
        let done = Done::of(written);
        let (outcome, changed) = done.value;
        if changed {
            self.notices().tell(&image);
            self.poke().other();
            if let Some(finished) = outcome.as_ref().filter(|image| image.status.is_final()) {
                finish_metrics(finished);
            }
        }
        let image = outcome.ok_or_else(|| Error::new(Code::JobOver, "There is nothing left to do for this job."))?;
        Ok(Done { value: image, positions: done.positions })
    }
}

/// The image to answer with, none where the job is over; and whether anything changed.
async fn take(
    tx: &mut BucketTx<'_>,
    of: &JobOf,
    report: Report,
    bounds: Bounds,
    now_ms: i64,
) -> store::Result<(Option<Image>, bool)> {
    let bucket = tx.bucket();
    let Some(row) = images::get(tx, bucket, of.user, &of.image).await? else {
        // What a worker stored after the deletion goes as well.
        for event in Event::delete_objects(std::slice::from_ref(&of.image)) {
            emit(tx, &event, now_ms).await?;
        }
        return Ok((None, true));
    };
    let present = row.image;
    let message = match &report {
        Report::Begin => None,
        Report::Done(attempt, _) => Some(format!("done:{}:{attempt}", of.image)),
        Report::Failed(failure) => Some(format!("failed:{}:{}", of.image, failure.attempt)),
    };
    if let Some(message) = message
        && !inbox::consume(tx, &message, now_ms, now_ms + bounds.inbox_ms).await?
    {
        return Ok((Some(present), false));
    }
    let begins = matches!(report, Report::Begin);
    let step = match report {
        Report::Begin => image_job::begin(present, bounds.attempts, now_ms),
        Report::Done(_, variants) => image_job::done(present, variants, now_ms),
        Report::Failed(failure) => {
            let Failure { attempt, error, is_final } = failure;
            image_job::failed(present, attempt, error, is_final, bounds.attempts, now_ms)
        }
    };
    match step {
        Step::Over => Ok((None, false)),
        Step::Stays(image) => Ok((Some(image), false)),
        Step::Becomes(image) => {
            write(tx, of, &image, bounds, now_ms).await?;
            let over = begins && image.status.is_final();
            Ok((Some(image).filter(|_| !over), true))
        }
    }
}

async fn write(tx: &mut BucketTx<'_>, of: &JobOf, image: &Image, bounds: Bounds, now_ms: i64) -> store::Result<()> {
    let source = Event::DeleteSource { key: image.source.key.clone() };
    match image.status {
        ImageStatus::Running => {
            images::begin_attempt(tx, of.user, &of.image).await?;
        }
        ImageStatus::Queued => {
            images::requeue(tx, of.user, &of.image).await?;
        }
        ImageStatus::Done => {
            images::finish(tx, of.user, &of.image, &image.variants, now_ms).await?;
            emit(tx, &source, now_ms).await?;
            for event in Event::feed_pictures(of.user, &[(of.image.clone(), image.created_at_ms)]) {
                emit(tx, &event, now_ms).await?;
            }
        }
        ImageStatus::Failed => {
            if let Some(error) = &image.error {
                images::fail(tx, of.user, &of.image, error, now_ms).await?;
            }
            emit_later(tx, &source, now_ms + bounds.failed_source_ms, now_ms).await?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a duration in milliseconds, for a histogram")]
fn finish_metrics(image: &Image) {
    let took_ms = image.finished_at_ms.unwrap_or(image.created_at_ms) - image.created_at_ms;
    metrics::job_finished(image.status.as_str(), took_ms as f64 / 1_000.0);
}
