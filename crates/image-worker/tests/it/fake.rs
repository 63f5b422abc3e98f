//! A user-service that keeps images in memory, by the rules of the real one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use api::image::v1::{self as proto, image_service_server::ImageService};
use api::status::to_status;
use model::error::{Code, Error};
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    pub images: BTreeMap<String, proto::Image>,
    /// Changes of a row to done.
    pub done: u32,
    /// Reports of done that are answered with UNAVAILABLE before one is taken.
    pub unavailable: u32,
    /// The image disappears once its job has begun.
    pub delete_after_begin: bool,
    /// `x-request-id` and `traceparent` of every call.
    pub contexts: VecDeque<(String, String)>,
    megapixels: u64,
    /// Most megapixels that were begun and not reported.
    pub megapixels_max: u64,
}

impl Fake {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn image(&self, id: &str) -> proto::Image {
        self.state().images.get(id).unwrap().clone()
    }

    fn called<T>(&self, request: &Request<T>) {
        let text = |key| request.metadata().get(key).map_or("", |value| value.to_str().unwrap()).to_owned();
        self.state().contexts.push_back((text("x-request-id"), text("traceparent")));
    }
}

impl State {
    fn get(&mut self, id: &str) -> Result<&mut proto::Image, Status> {
        self.images.get_mut(id).ok_or_else(|| to_status(Error::not_found("image")))
    }

    fn reported(&mut self, id: &str) {
        if let Some(image) = self.images.get(id) {
            self.megapixels = self.megapixels.saturating_sub(megapixels(image));
        }
    }
}

fn megapixels(image: &proto::Image) -> u64 {
    let source = image.source.as_ref().unwrap();
    u64::from(source.width) * u64::from(source.height) / 1_000_000
}

fn is_over(image: &proto::Image) -> bool {
    matches!(image.status(), proto::Status::Done | proto::Status::Failed)
}

fn over() -> Status {
    to_status(Error::new(Code::JobOver, "There is nothing left to do."))
}

#[tonic::async_trait]
impl ImageService for Fake {
    async fn create_image(
        &self,
        _: Request<proto::CreateImageRequest>,
    ) -> Result<Response<proto::CreateImageResponse>, Status> {
        Err(Status::unimplemented("not a worker's call"))
    }

    async fn get_image(
        &self,
        request: Request<proto::GetImageRequest>,
    ) -> Result<Response<proto::GetImageResponse>, Status> {
        self.called(&request);
        let image = self.state().get(&request.get_ref().image_id)?.clone();
        Ok(Response::new(proto::GetImageResponse { image: Some(image) }))
    }

    async fn list_images(
        &self,
        _: Request<proto::ListImagesRequest>,
    ) -> Result<Response<proto::ListImagesResponse>, Status> {
        Err(Status::unimplemented("not a worker's call"))
    }

    type WatchImageStream = tokio_stream::Empty<Result<proto::WatchImageResponse, Status>>;

    async fn watch_image(
        &self,
        _: Request<proto::WatchImageRequest>,
    ) -> Result<Response<Self::WatchImageStream>, Status> {
        Err(Status::unimplemented("not a worker's call"))
    }

    async fn delete_image(
        &self,
        _: Request<proto::DeleteImageRequest>,
    ) -> Result<Response<proto::DeleteImageResponse>, Status> {
        Err(Status::unimplemented("not a worker's call"))
    }

    async fn begin_job(
        &self,
        request: Request<proto::BeginJobRequest>,
    ) -> Result<Response<proto::BeginJobResponse>, Status> {
        self.called(&request);
        let id = request.into_inner().image_id;
        let mut state = self.state();
        let image = state.get(&id)?;
        if is_over(image) {
            return Err(over());
        }
        image.set_status(proto::Status::Running);
        image.attempts += 1;
        let image = image.clone();
        state.megapixels += megapixels(&image);
        state.megapixels_max = state.megapixels_max.max(state.megapixels);
        if state.delete_after_begin {
            state.images.remove(&id);
        }
        Ok(Response::new(proto::BeginJobResponse { image: Some(image) }))
    }

    async fn report_done(
        &self,
        request: Request<proto::ReportDoneRequest>,
    ) -> Result<Response<proto::ReportDoneResponse>, Status> {
        self.called(&request);
        let request = request.into_inner();
        let mut state = self.state();
        if state.unavailable > 0 {
            state.unavailable -= 1;
            return Err(to_status(Error::new(Code::Unavailable, "Later.")));
        }
        state.reported(&request.image_id);
        let image = state.get(&request.image_id)?;
        match image.status() {
            proto::Status::Failed => return Err(over()),
            proto::Status::Done => {}
            _ => {
                image.set_status(proto::Status::Done);
                image.variants = request.variants;
                state.done += 1;
            }
        }
        let image = state.get(&request.image_id)?.clone();
        Ok(Response::new(proto::ReportDoneResponse { image: Some(image) }))
    }

    async fn report_failed(
        &self,
        request: Request<proto::ReportFailedRequest>,
    ) -> Result<Response<proto::ReportFailedResponse>, Status> {
        self.called(&request);
        let request = request.into_inner();
        let mut state = self.state();
        state.reported(&request.image_id);
        let image = state.get(&request.image_id)?;
        if !is_over(image) && request.attempt == image.attempts {
            if request.r#final || image.attempts >= 3 {
                image.set_status(proto::Status::Failed);
                image.error = request.error;
            } else {
                image.set_status(proto::Status::Queued);
            }
        }
        let image = image.clone();
        Ok(Response::new(proto::ReportFailedResponse { image: Some(image) }))
    }
}
