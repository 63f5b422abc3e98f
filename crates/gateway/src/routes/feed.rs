//! `GET /v1/feed/recent`: every finished picture, newest first.

use api::feed::v1::ListRecentRequest;

use crate::{
    conditional::Caching,
    context::Ctx,
    error::Answer,
    page::{self, Page},
    views,
};

/// The list that its cursors are good for.
const LIST: &str = "feed";

/// The finished pictures of all users, newest first; at most ten seconds behind.
#[utoipa::path(
    get, path = "/v1/feed/recent", tag = "feed", operation_id = "listRecent",
    params(
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 by default"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has"),
    ),
    responses(
        (status = 200, description = "A page", body = views::ListView<views::FeedPictureView>, headers(("ETag" = String))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn recent(ctx: Ctx) -> Answer {
    let page = Page::read(&ctx, LIST, Vec::new())?;
    let message = ListRecentRequest { limit: page.limit, before: page.after.unwrap_or_default() };
    let found = ctx.take(ctx.app.feed.clone().list_recent(ctx.call(message)).await)?;
    let next = Some(found.next).filter(|place| !place.is_empty()).map(|place| ctx.app.cursors.make(LIST, &place));
    let items = found.pictures.into_iter().map(|picture| ctx.app.feed_picture_view(picture)).collect();
    page::show(&ctx, items, next, Caching::Public)
}
