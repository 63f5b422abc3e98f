//! `GET /assets/{file}` and `/favicon.ico`: the parts of the page.

use model::Error;

use crate::{assets::Set, context::Ctx, error::Answer};

/// A part of the page.
#[utoipa::path(
    get, path = "/assets/{file}", tag = "pages", operation_id = "asset",
    params(("file" = String, Path, description = "Its name")),
    responses((status = 200, description = "The file"), (status = 304, description = "The client has it"))
)]
pub fn asset(ctx: &Ctx) -> Answer {
    let found = ctx.app.assets.part(Set::Page, ctx.param("file"), &ctx.headers);
    found.ok_or_else(|| Error::not_found("file").into())
}

/// The page's icon.
#[utoipa::path(
    get, path = "/favicon.ico", tag = "pages", operation_id = "icon",
    responses((status = 200, description = "The icon"), (status = 304, description = "The client has it"))
)]
pub fn icon(ctx: &Ctx) -> Answer {
    ctx.app.assets.answer(Set::Page, "icon.svg", &ctx.headers).ok_or_else(|| Error::not_found("file").into())
}
