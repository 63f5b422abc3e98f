//! A job's life: look, wait for room, begin, fetch, transform, publish, report – and what to say to the queue.

use std::sync::Arc;
use std::time::Instant;

use futures::TryStreamExt as _;
use model::error::{Code, Error};
use model::image::{Image, ImageStatus, Variant};
use objects::{Class, Key, Objects};
use queue::{Delivery, Job, Verdict};
use runtime::context::{self, RequestContext};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::child::Transformer;
use crate::domain::{cost, failure::Failure};
use crate::images::{Images, Report, Target};
use crate::metrics::{Metrics, Outcome};
use crate::protocol::Spec;
use crate::scratch::{Files, Scratch};
use crate::stop::Stop;
use crate::{error, outputs};

/// Everything a job needs.
pub struct Worker {
    pub images: Images,
    pub objects: Objects,
    pub transformer: Transformer,
    pub scratch: Scratch,
    pub budget: Arc<Semaphore>,
    pub megapixels: u32,
    pub metrics: Metrics,
}

/// What a job came to.
struct End {
    verdict: Verdict,
    outcome: Outcome,
}

impl End {
    const fn over(outcome: Outcome) -> Self {
        Self { verdict: Verdict::Ack, outcome }
    }

    fn again(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Reject(reason.into()), outcome: Outcome::Retried }
    }

    const fn untouched() -> Self {
        Self { verdict: Verdict::Release, outcome: Outcome::Released }
    }
}

impl Worker {
    /// Works on a delivery and answers for it, within the request that brought it.
    pub async fn work(&self, delivery: Delivery, stop: &Stop) {
        let job = delivery.job();
        let request = RequestContext {
            request_id: job.request_id().unwrap_or_default().to_owned(),
            traceparent: job.traceparent().unwrap_or_default().to_owned(),
        };
        let span = runtime::telemetry::span("job", "transform image", &request);
        let work = async {
            let end = self.attempt(delivery.job(), stop).await;
            self.metrics.finished(end.outcome);
            if let Err(error) = delivery.settle(end.verdict).await {
                // The queue delivers again, and the next attempt finds what this one did.
                tracing::warn!(error = &error as &dyn std::error::Error, "the queue did not take the answer");
            }
        };
        // A job's future is large, and a task that waits should not be.
        context::scope(request, Box::pin(work.instrument(span))).await;
    }

    async fn attempt(&self, job: &Job, stop: &Stop) -> End {
        let Some((user, image)) = job.image() else {
            tracing::error!(?job, "a job without an image is thrown away");
            return End::over(Outcome::Over);
        };
        let of = Target { user, image };
        // A look first, which counts as no attempt: what is over costs nothing, and what waits for room has not begun.
        let seen = self.images.get(&of).await.ok();
        if seen.as_ref().is_some_and(|image| image.status.is_final()) {
            return End::over(Outcome::Over);
        }
        let megapixels = cost::megapixels(seen.as_ref().map(|image| &image.source), self.megapixels);
        let room = tokio::select! {
            biased;
            () = stop.begins() => return End::untouched(),
            room = self.budget.acquire_many(megapixels) => room,
        };
        let Ok(_room) = room else { return End::untouched() };
        let _gauge = InFlight::begin(&self.metrics, megapixels);
        // Nor does one that the store is too far away for.
        if let Some(key) = seen.and_then(|image| Key::parse_source(&image.source.key))
            && let Err(error @ objects::Error::Engine(_)) = self.objects.meta(&key).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a job waits for the object store");
            return End::again("the object store is away");
        }
        let image = match self.images.begin(&of).await {
            Ok(image) if image.status.is_final() => return End::over(Outcome::Over),
            Ok(image) => image,
            Err(error) => return self.refused(&of, &error).await,
        };
        let started = Instant::now();
        let end = tokio::select! {
            biased;
            end = self.make(&of, &image) => end,
            // Dropping the work kills its process and removes its files.
            () = stop.comes() => End::untouched(),
        };
        tracing::info!(
            image.id = %of.image, user.id = of.user.get(), job.attempt = image.attempts, job.outcome = ?end.outcome,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "job"
        );
        end
    }

    async fn make(&self, of: &Target, image: &Image) -> End {
        match self.transform(image).await {
            Ok(variants) => self.report_done(of, image, &variants).await,
            Err(failure) => self.report_failed(of, image, failure).await,
        }
    }

    /// Source to file, file to outputs, outputs to objects.
    async fn transform(&self, image: &Image) -> Result<Vec<Variant>, Failure> {
        let request = serde_json::from_str(&image.request_json).map_err(|_| bad_request())?;
        let names = picture::Request::from_json(&request).map_err(|_| bad_request())?.variants;
        let names: Vec<String> = names.into_iter().map(|variant| variant.name).collect();
        let files = self.scratch.files().map_err(|error| ours(&error))?;
        fetch(&self.objects, image, &files).await?;
        let spec =
            Spec { source: files.source(), outputs: files.outputs(), request, limits: self.transformer.limits() };
        let started = Instant::now();
        let made = self.transformer.run(&spec).await?;
        self.metrics.transformed(started.elapsed());
        let published = outputs::publish(&self.objects, &files, &image.id, &made, &names).await;
        published.map_err(|error| match error {
            error::Error::Outputs(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a transformation cannot be trusted");
                Failure::crashed()
            }
            error => ours(&error),
        })
    }

    async fn report_done(&self, of: &Target, image: &Image, variants: &[Variant]) -> End {
        match self.images.report(of, image.attempts, &Report::Done(variants)).await {
            Ok(done) => {
                self.drop_unnamed(&done, variants).await;
                End::over(Outcome::Done)
            }
            Err(error) => self.refused(of, &error).await,
        }
    }

    async fn report_failed(&self, of: &Target, image: &Image, failure: Failure) -> End {
        crate::metrics::attempt_failed(&failure);
        tracing::warn!(
            image.id = %of.image, job.attempt = image.attempts, failure.code, failure.detail, failure.is_final,
            "an attempt failed"
        );
        let (is_final, code) = (failure.is_final, failure.code.clone());
        let report = Report::Failed(failure.into(), is_final);
        match self.images.report(of, image.attempts, &report).await {
            Ok(image) if image.status == ImageStatus::Failed => self.forget(of, Outcome::Failed).await,
            Ok(image) if image.status == ImageStatus::Done => End::over(Outcome::Over),
            Ok(_) => End::again(code),
            Err(error) => self.refused(of, &error).await,
        }
    }

    /// user-service did not take a beginning or a report.
    async fn refused(&self, of: &Target, error: &Error) -> End {
        match error.code {
            Code::NotFound => self.forget(of, Outcome::Over).await,
            // Done or failed by another attempt, or gone.
            Code::JobOver => match self.images.get(of).await {
                Ok(image) if image.status == ImageStatus::Failed => self.forget(of, Outcome::Over).await,
                Err(error) if error.code == Code::NotFound => self.forget(of, Outcome::Over).await,
                _ => End::over(Outcome::Over),
            },
            code => {
                tracing::warn!(image.id = %of.image, error = code.as_str(), detail = error.detail, "user-service refused");
                End::again(code.as_str())
            }
        }
    }

    /// The image is gone or has failed: what this or an earlier attempt stored for it goes too.
    async fn forget(&self, of: &Target, outcome: Outcome) -> End {
        match self.objects.delete_image(Class::Media, &of.image).await {
            Ok(0) => End::over(outcome),
            Ok(objects) => {
                tracing::info!(image.id = %of.image, objects, "deleted what was made for an image that is over");
                End::over(outcome)
            }
            // Delivered again, it comes back here.
            Err(error) => {
                tracing::warn!(image.id = %of.image, error = &error as &dyn std::error::Error, "objects could not be deleted");
                End::again("objects could not be deleted")
            }
        }
    }

    /// Another attempt was reported first: what this one made otherwise is named by nothing.
    async fn drop_unnamed(&self, done: &Image, variants: &[Variant]) {
        let unnamed = |variant: &&Variant| !done.variants.iter().any(|named| named.key == variant.key);
        for variant in variants.iter().filter(unnamed) {
            if let Some(key) = Key::parse_media(&variant.key)
                && let Err(error) = self.objects.delete(&key).await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, object.key = %key, "an orphan stays for the sweeper");
            }
        }
    }
}

async fn fetch(objects: &Objects, image: &Image, files: &Files) -> Result<(), Failure> {
    let key =
        Key::parse_source(&image.source.key).filter(|key| *key.image() == image.id).ok_or_else(Failure::no_source)?;
    let object = match objects.get(&key, None).await {
        Ok(object) => object,
        Err(objects::Error::NotFound) => return Err(Failure::no_source()),
        Err(error) => return Err(ours(&error)),
    };
    let mut file = tokio::fs::File::create(files.source()).await.map_err(|error| ours(&error))?;
    let mut body = object.body;
    while let Some(chunk) = body.try_next().await.map_err(|error| ours(&error))? {
        file.write_all(&chunk).await.map_err(|error| ours(&error))?;
    }
    file.flush().await.map_err(|error| ours(&error))
}

fn ours(error: &(dyn std::error::Error + 'static)) -> Failure {
    tracing::error!(error, "an attempt failed by our fault");
    Failure::ours()
}

fn bad_request() -> Failure {
    Failure::refused("INVALID_INPUT".to_owned(), "The operations cannot be read. Upload the picture again.".to_owned())
}

/// Megapixels in the gauge, taken out however the job ends.
struct InFlight<'a> {
    metrics: &'a Metrics,
    megapixels: u32,
}

impl<'a> InFlight<'a> {
    fn begin(metrics: &'a Metrics, megapixels: u32) -> Self {
        metrics.begun(megapixels);
        Self { metrics, megapixels }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.ended(self.megapixels);
    }
}
