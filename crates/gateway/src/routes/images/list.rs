//! `GET /v1/users/{id}/images`: newest first; others see done ones only.

use api::image::v1::ListImagesRequest;
use model::image::Image;

use crate::{
    conditional::Caching,
    context::Ctx,
    error::Answer,
    page::{self, Page},
    routes::users::fetch,
    views,
};

/// The images of a user, newest first.
#[utoipa::path(
    get, path = "/v1/users/{id}/images", tag = "images", operation_id = "listImages",
    params(("id" = u64, Path, description = "The user"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 by default"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "A page", body = views::ListView<views::ImageView>, headers(("ETag" = String))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let user = ctx.user()?;
    let list = format!("images {user}");
    let page = Page::read(&ctx, &list, Vec::new())?;
    let all = ctx.sees_all_of(user);
    let first = page.after.is_none();
    let message = ListImagesRequest {
        user_id: user.get(),
        limit: page.limit,
        before_image_id: page.after.unwrap_or_default(),
        done_only: !all,
    };
    let found = ctx.take(ctx.app.images.clone().list_images(ctx.call(message)).await)?;
    if first && found.images.is_empty() {
        // Nobody's images are not found; somebody's may be none.
        fetch(&ctx, user).await?;
    }
    let images = found.images.into_iter().map(|image| views::must(Some(image))).collect::<Result<Vec<Image>, _>>()?;
    let next = images.last().filter(|_| found.more).map(|image| ctx.app.cursors.make(&list, image.id.as_str()));
    let items = images.into_iter().map(|image| ctx.app.image_view(image)).collect();
    page::show(&ctx, items, next, if all { Caching::Private } else { Caching::Public })
}
