//! user-service's feed, in memory: five pictures.

use api::feed::v1::{self as feed, feed_service_server::FeedService};
use tonic::{Request, Response, Status};

use super::{DONE_IMAGE, Fake};
use crate::world::OWNER;

#[tonic::async_trait]
impl FeedService for Fake {
    async fn list_recent(
        &self,
        request: Request<feed::ListRecentRequest>,
    ) -> Result<Response<feed::ListRecentResponse>, Status> {
        let request = self.ask("list_recent", request).await?;
        let from = if request.before.is_empty() { 5 } else { request.before.parse::<i64>().unwrap() - 1 };
        let last = (from - i64::from(request.limit)).max(0);
        let pictures = (last + 1..=from).rev().map(|n| feed::Picture {
            user_id: OWNER,
            first_name: "John".into(),
            last_name: "Smith".into(),
            image_id: DONE_IMAGE.into(),
            variant: "default".into(),
            key: format!("{DONE_IMAGE}-0.jpg"),
            created_at_ms: 1_769_860_800_000 + n,
        });
        let next = if last > 0 { (last + 1).to_string() } else { String::new() };
        Ok(Response::new(feed::ListRecentResponse { pictures: pictures.collect(), next }))
    }
}
