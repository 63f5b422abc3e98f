//! user-service's images, in memory.

use api::{
    image::v1::{self as image, image_service_server::ImageService},
    status::to_status,
};
use futures::{StreamExt as _, stream::BoxStream};
use tonic::{Request, Response, Status};

use super::{Fake, not_found, picture, written};

#[tonic::async_trait]
impl ImageService for Fake {
    type WatchImageStream = BoxStream<'static, Result<image::WatchImageResponse, Status>>;

    async fn create_image(
        &self,
        request: Request<image::CreateImageRequest>,
    ) -> Result<Response<image::CreateImageResponse>, Status> {
        let request = self.ask("create_image", request).await?;
        let mut state = self.state();
        if let Some(error) = state.spent.clone() {
            return Err(to_status(error));
        }
        let earlier = state
            .uploads
            .iter()
            .find(|other| request.idempotency.is_some() && other.idempotency == request.idempotency);
        let (id, replayed) = earlier.map_or((request.image_id.clone(), false), |other| (other.image_id.clone(), true));
        let image = image::Image { source: request.source.clone(), ..picture(&id, image::Status::Queued) };
        state.uploads.push(request);
        Ok(written(image::CreateImageResponse { image: Some(image), replayed }))
    }

    async fn get_image(
        &self,
        request: Request<image::GetImageRequest>,
    ) -> Result<Response<image::GetImageResponse>, Status> {
        let request = self.ask("get_image", request).await?;
        let state = self.state();
        let image = state.images.get(&request.image_id).filter(|image| image.user_id == request.user_id).cloned();
        Ok(Response::new(image::GetImageResponse { image: Some(image.ok_or_else(|| not_found("image"))?) }))
    }

    async fn list_images(
        &self,
        request: Request<image::ListImagesRequest>,
    ) -> Result<Response<image::ListImagesResponse>, Status> {
        let request = self.ask("list_images", request).await?;
        let state = self.state();
        let wanted = |image: &&image::Image| {
            let before = request.before_image_id.is_empty() || image.id < request.before_image_id;
            image.user_id == request.user_id && before && (!request.done_only || image.status() == image::Status::Done)
        };
        let mut all = state.images.values().rev().filter(wanted);
        let images = all.by_ref().take(request.limit as usize).cloned().collect();
        Ok(Response::new(image::ListImagesResponse { images, more: all.next().is_some() }))
    }

    async fn watch_image(
        &self,
        request: Request<image::WatchImageRequest>,
    ) -> Result<Response<Self::WatchImageStream>, Status> {
        let request = self.ask("watch_image", request).await?;
        let states = [image::Status::Queued, image::Status::Running, image::Status::Done];
        let told = if self.state().stays_queued { &states[..1] } else { &states };
        let answers: Vec<_> = told
            .iter()
            .map(|status| Ok(image::WatchImageResponse { image: Some(picture(&request.image_id, *status)) }))
            .collect();
        // The last state is followed by silence: the gateway must end the answer by itself.
        Ok(Response::new(futures::stream::iter(answers).chain(futures::stream::pending()).boxed()))
    }

    async fn delete_image(
        &self,
        request: Request<image::DeleteImageRequest>,
    ) -> Result<Response<image::DeleteImageResponse>, Status> {
        let request = self.ask("delete_image", request).await?;
        self.state().images.remove(&request.image_id).ok_or_else(|| not_found("image"))?;
        Ok(written(image::DeleteImageResponse {}))
    }

    async fn begin_job(&self, _: Request<image::BeginJobRequest>) -> Result<Response<image::BeginJobResponse>, Status> {
        Err(Status::unimplemented("a worker's"))
    }

    async fn report_done(
        &self,
        _: Request<image::ReportDoneRequest>,
    ) -> Result<Response<image::ReportDoneResponse>, Status> {
        Err(Status::unimplemented("a worker's"))
    }

    async fn report_failed(
        &self,
        _: Request<image::ReportFailedRequest>,
    ) -> Result<Response<image::ReportFailedResponse>, Status> {
        Err(Status::unimplemented("a worker's"))
    }
}
