//! `GET /v1/openapi.json` and `/v1/docs`: the API, for programs and for people.

use model::Error;

use crate::{
    assets::Set,
    conditional::{Caching, answer, content_tag},
    context::Ctx,
    error::Answer,
};

/// The API as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "pages", operation_id = "openapi",
    responses((status = 200, description = "The document", body = serde_json::Value), (status = 304, description = "The client has it"))
)]
pub fn openapi(ctx: &Ctx) -> Answer {
    let body = ctx.app.openapi.clone();
    Ok(answer(&ctx.headers, &content_tag(&body, "o"), Caching::Public, "application/json", body))
}

/// A page to try the API.
#[utoipa::path(
    get, path = "/v1/docs", tag = "pages", operation_id = "docs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"), (status = 304, description = "The client has it"))
)]
pub fn page(ctx: &Ctx) -> Answer {
    ctx.app.assets.answer(Set::Docs, "docs.html", &ctx.headers).ok_or_else(|| Error::not_found("file").into())
}

/// A part of that page.
#[utoipa::path(
    get, path = "/v1/docs/{file}", tag = "pages", operation_id = "docsFile",
    params(("file" = String, Path, description = "Its name")),
    responses((status = 200, description = "The file"), (status = 304, description = "The client has it"))
)]
pub fn file(ctx: &Ctx) -> Answer {
    let found = ctx.app.assets.part(Set::Docs, ctx.param("file"), &ctx.headers);
    found.ok_or_else(|| Error::not_found("file").into())
}
