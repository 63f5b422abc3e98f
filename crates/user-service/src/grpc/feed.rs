//! `FeedService`.

use api::{
    feed::v1::{self as proto, feed_service_server::FeedService},
    status::to_status,
};
use feed::Place;
use model::{Error, FieldError};
use tonic::{Request, Response, Status};

use super::users::page;
use crate::recent::Recent;

/// The service over the read model.
#[derive(Clone)]
pub struct Feed(pub Recent);

#[tonic::async_trait]
impl FeedService for Feed {
    async fn list_recent(
        &self,
        request: Request<proto::ListRecentRequest>,
    ) -> Result<Response<proto::ListRecentResponse>, Status> {
        let request = request.into_inner();
        let limit = page(request.limit)?;
        let before = match request.before.as_str() {
            "" => None,
            place => Some(Place::parse(place).ok_or_else(|| {
                to_status(Error::invalid(vec![FieldError::at("/before", "must be the next of an earlier page")]))
            })?),
        };
        let found = self.0.page(before.as_ref(), limit).await.map_err(to_status)?;
        let last = found.pictures.last().filter(|_| found.more);
        let next = last.map(|picture| picture.place.to_string()).unwrap_or_default();
        let pictures = found.pictures.into_iter().map(picture).collect();
        Ok(Response::new(proto::ListRecentResponse { pictures, next }))
    }
}

fn picture(picture: feed::Picture) -> proto::Picture {
    proto::Picture {
        user_id: picture.place.user().get(),
        first_name: picture.names.first,
        last_name: picture.names.last,
        image_id: picture.place.image().to_string(),
        variant: picture.variant,
        key: picture.key,
        created_at_ms: picture.place.created_at_ms(),
    }
}
