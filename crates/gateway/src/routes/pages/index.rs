//! `GET /`: the page for browsers, a small index for programs.

use axum::body::Body;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    accept::prefers_html,
    assets::Set,
    conditional::{Caching, answer, content_tag},
    context::Ctx,
    error::Answer,
    views,
};

/// Where to begin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// What this is.
    name: String,
    /// The document of the API.
    openapi: String,
    /// The page to try it.
    docs: String,
    /// Users.
    users: String,
    /// Sessions.
    sessions: String,
}

/// The page, or an index.
#[utoipa::path(
    get, path = "/", tag = "pages", operation_id = "index",
    responses(
        (status = 200, description = "The index or the page", content((Index = "application/json"), (String = "text/html"))),
        (status = 304, description = "The client has it"),
    )
)]
pub fn handle(ctx: &Ctx) -> Answer {
    if prefers_html(&ctx.headers)
        && let Some(page) = ctx.app.assets.answer(Set::Page, "index.html", &ctx.headers)
    {
        return Ok(page);
    }
    let at = |path: &str| format!("{}{path}", ctx.app.public_url);
    let index = Index {
        name: "Myriad".into(),
        openapi: at("/v1/openapi.json"),
        docs: at("/v1/docs"),
        users: at("/v1/users"),
        sessions: at("/v1/sessions"),
    };
    let body = views::to_json(&index)?;
    let response: http::Response<Body> =
        answer(&ctx.headers, &content_tag(&body, "i"), Caching::Public, "application/json", body);
    Ok(response)
}
