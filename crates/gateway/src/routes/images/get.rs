//! `GET /v1/users/{id}/images/{image}`.

use crate::{
    conditional::answer,
    context::Ctx,
    error::Answer,
    routes::images::{form, visible},
    views,
};

/// One image: where its job stands and what came of it.
#[utoipa::path(
    get, path = "/v1/users/{id}/images/{image}", tag = "images", operation_id = "getImage",
    params(("id" = u64, Path, description = "The user"), ("image" = String, Path, description = "The image"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "The image", body = views::ImageView, headers(("ETag" = String))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let image = visible(&ctx).await?;
    let (body, tag, caching) = form(&ctx, image)?;
    Ok(answer(&ctx.headers, &tag, caching, "application/json", body))
}
