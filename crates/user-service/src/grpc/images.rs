//! `ImageService`.

use api::{
    convert,
    image::v1::{self as proto, image_service_server::ImageService},
    position,
    status::to_status,
};
use model::{ImageId, time::now_ms};
use runtime::telemetry::current_traceparent;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{answer, key, text, users::page};
use crate::{
    store::{
        Recipes,
        create_image::Upload,
        report_job::{Failure, JobOf},
    },
    watch::Watches,
};

/// The service over the recipes.
#[derive(Clone)]
pub struct Images {
    /// Reads and writes.
    pub recipes: Recipes,
    /// Streams.
    pub watches: Watches,
}

#[tonic::async_trait]
impl ImageService for Images {
    async fn create_image(
        &self,
        request: Request<proto::CreateImageRequest>,
    ) -> Result<Response<proto::CreateImageResponse>, Status> {
        let request_id = text(&request, "x-request-id");
        // The job hangs from this call's span; where there is none, from the caller's.
        let traceparent = current_traceparent().unwrap_or_else(|| text(&request, "traceparent"));
        let request = request.into_inner();
        let upload = Upload {
            user: convert::user_id(request.user_id).map_err(to_status)?,
            image: convert::image_id(&request.image_id).map_err(to_status)?,
            source: convert::required("/source", request.source).map_err(to_status)?.into(),
            request_json: request.request_json,
            key: key(request.idempotency).map_err(to_status)?,
            request_id,
            traceparent,
        };
        let done = self.recipes.create_image(upload, now_ms()).await;
        answer(done, |made| proto::CreateImageResponse { image: Some(made.image), replayed: made.replayed })
    }

    async fn get_image(
        &self,
        request: Request<proto::GetImageRequest>,
    ) -> Result<Response<proto::GetImageResponse>, Status> {
        let seen = position::read(request.metadata());
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        let image = self.recipes.show_image(&of, request.done_only, &seen).await.map_err(to_status)?;
        Ok(Response::new(proto::GetImageResponse { image: Some(image.into()) }))
    }

    async fn list_images(
        &self,
        request: Request<proto::ListImagesRequest>,
    ) -> Result<Response<proto::ListImagesResponse>, Status> {
        let seen = position::read(request.metadata());
        let request = request.into_inner();
        let user = convert::user_id(request.user_id).map_err(to_status)?;
        let limit = page(request.limit)?;
        let before = match request.before_image_id.as_str() {
            "" => None,
            id => Some(convert::image_id(id).map_err(to_status)?),
        };
        let page = self.recipes.list_images(user, before, limit, request.done_only, &seen).await;
        let page = page.map_err(to_status)?;
        let images = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListImagesResponse { images, more: page.more }))
    }

    type WatchImageStream = ReceiverStream<Result<proto::WatchImageResponse, Status>>;

    async fn watch_image(
        &self,
        request: Request<proto::WatchImageRequest>,
    ) -> Result<Response<Self::WatchImageStream>, Status> {
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        Ok(Response::new(self.watches.open(of).await.map_err(to_status)?))
    }

    async fn delete_image(
        &self,
        request: Request<proto::DeleteImageRequest>,
    ) -> Result<Response<proto::DeleteImageResponse>, Status> {
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        answer(self.recipes.delete_image(of, now_ms()).await, |()| proto::DeleteImageResponse {})
    }

    async fn begin_job(
        &self,
        request: Request<proto::BeginJobRequest>,
    ) -> Result<Response<proto::BeginJobResponse>, Status> {
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        let done = self.recipes.begin_job(of, now_ms()).await;
        answer(done, |image| proto::BeginJobResponse { image: Some(image.into()) })
    }

    async fn report_done(
        &self,
        request: Request<proto::ReportDoneRequest>,
    ) -> Result<Response<proto::ReportDoneResponse>, Status> {
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        let variants = request.variants.into_iter().map(Into::into).collect();
        let done = self.recipes.report_done(of, request.attempt, variants, now_ms()).await;
        answer(done, |image| proto::ReportDoneResponse { image: Some(image.into()) })
    }

    async fn report_failed(
        &self,
        request: Request<proto::ReportFailedRequest>,
    ) -> Result<Response<proto::ReportFailedResponse>, Status> {
        let request = request.into_inner();
        let of = job_of(request.user_id, &request.image_id)?;
        let failure = Failure {
            attempt: request.attempt,
            error: convert::required("/error", request.error).map_err(to_status)?.into(),
            is_final: request.r#final,
        };
        let done = self.recipes.report_failed(of, failure, now_ms()).await;
        answer(done, |image| proto::ReportFailedResponse { image: Some(image.into()) })
    }
}

/// The image that a call is about. An id that cannot be one is answered as one that does not exist.
fn job_of(user: u64, image: &str) -> Result<JobOf, Status> {
    let user = convert::user_id(user).map_err(to_status)?;
    let image = ImageId::parse(image).ok_or_else(|| to_status(model::Error::not_found("image")))?;
    Ok(JobOf { user, image })
}
