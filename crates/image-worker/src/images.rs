//! `ImageService` as the worker sees it: calls in, model types out, and patience where a repeat is harmless.

use std::time::Duration;

use api::image::v1::{self as proto, image_service_client::ImageServiceClient};
use api::status::from_status;
use model::error::{Code, Error, Result};
use model::image::{Image, JobError, Variant};
use model::{ImageId, UserId};
use runtime::context::request;
use runtime::grpc::Client;

/// Deadline of one call.
const DEADLINE: Duration = Duration::from_secs(5);
/// Waits before the repeats of a report.
const PATIENCE: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900), Duration::from_millis(2_700)];

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Images {
    client: ImageServiceClient<Client>,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Report<'a> {
    /// Everything was made.
    Done(&'a [Variant]),
    /// It failed; true where another attempt cannot help.
    Failed(JobError, bool),
}

/// The image a job is about.
#[derive(Debug, Clone)]
pub struct Target {
    pub user: UserId,
    pub image: ImageId,
}

impl Images {
    pub fn new(service: Client) -> Self {
        Self { client: ImageServiceClient::new(service) }
    }

    /// The image as it stands.
    pub async fn get(&self, of: &Target) -> Result<Image> {
        let message =
            proto::GetImageRequest { user_id: of.user.get(), image_id: of.image.to_string(), done_only: false };
        let answer = self.client.clone().get_image(request(message, Some(DEADLINE))).await;
        read(answer.map_err(|status| from_status(&status))?.into_inner().image)
    }

    /// Begins an attempt. Not repeated: each beginning counts.
    pub async fn begin(&self, of: &Target) -> Result<Image> {
        let message = proto::BeginJobRequest { user_id: of.user.get(), image_id: of.image.to_string() };
        let answer = self.client.clone().begin_job(request(message, Some(DEADLINE))).await;
        read(answer.map_err(|status| from_status(&status))?.into_inner().image)
    }

    /// Reports how an attempt ended. A second report changes nothing, so it is repeated for a while.
    pub async fn report(&self, of: &Target, attempt: u32, report: &Report<'_>) -> Result<Image> {
        let mut waits = PATIENCE.into_iter();
        loop {
            let answer = match report {
                Report::Done(variants) => self.report_done(of, attempt, variants).await,
                Report::Failed(error, is_final) => self.report_failed(of, attempt, error, *is_final).await,
            };
            match (answer, waits.next()) {
                (Err(error), Some(wait)) if passes(&error) => {
                    tracing::warn!(error = error.code.as_str(), wait_ms = wait.as_millis(), "a report is repeated");
                    tokio::time::sleep(wait).await;
                }
                (answer, _) => return answer,
            }
        }
    }

    async fn report_done(&self, of: &Target, attempt: u32, variants: &[Variant]) -> Result<Image> {
        let message = proto::ReportDoneRequest {
            user_id: of.user.get(),
            image_id: of.image.to_string(),
            attempt,
            variants: variants.iter().cloned().map(Into::into).collect(),
        };
        let answer = self.client.clone().report_done(request(message, Some(DEADLINE))).await;
        read(answer.map_err(|status| from_status(&status))?.into_inner().image)
    }

    async fn report_failed(&self, of: &Target, attempt: u32, error: &JobError, is_final: bool) -> Result<Image> {
        let message = proto::ReportFailedRequest {
            user_id: of.user.get(),
            image_id: of.image.to_string(),
            attempt,
            error: Some(error.clone().into()),
            r#final: is_final,
        };
        let answer = self.client.clone().report_failed(request(message, Some(DEADLINE))).await;
        read(answer.map_err(|status| from_status(&status))?.into_inner().image)
    }
}

fn read(image: Option<proto::Image>) -> Result<Image> {
    api::convert::required("/image", image)?.try_into()
}

fn passes(error: &Error) -> bool {
    matches!(error.code, Code::Unavailable | Code::Busy | Code::InDoubt | Code::Moved)
}
