//! The table of all routes, and the router made of it. What is not in the table is not served.

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    routing::any,
};
use http::Method;

use crate::{
    accept::Produces,
    app::Gateway,
    edge,
    table::{Access, Cost, Handler, Route, endpoints},
};

pub mod feed;
pub mod images;
pub mod media;
pub mod pages;
pub mod password;
pub mod picture;
pub mod sessions;
pub mod users;

const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    produces: Produces,
    cost: Cost,
    handler: Handler,
) -> Route {
    Route { method, path, access, produces, cost, handler }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route.
#[rustfmt::skip]
pub static TABLE: &[Route] = &[
    route(POST, "/v1/users", Access::Public, Produces::Json, Cost::SignIn, |ctx| Box::pin(users::create::handle(ctx))),
    route(GET, "/v1/users", Access::Admin, Produces::Json, Cost::Normal, |ctx| Box::pin(users::list::handle(ctx))),
    route(GET, "/v1/users/me", Access::SignedIn, Produces::Json, Cost::Normal, |ctx| Box::pin(users::me::handle(ctx))),
    route(GET, "/v1/users/{id}", Access::Public, Produces::JsonOrHtml, Cost::Normal, |ctx| Box::pin(users::get::handle(ctx))),
    route(GET, "/users/{id}", Access::Public, Produces::JsonOrHtml, Cost::Normal, |ctx| Box::pin(users::get::handle_unprefixed(ctx))),
    route(PATCH, "/v1/users/{id}", Access::OwnerOrAdmin, Produces::Json, Cost::Normal, |ctx| Box::pin(users::patch::handle(ctx))),
    route(DELETE, "/v1/users/{id}", Access::OwnerOrAdmin, Produces::Any, Cost::Normal, |ctx| Box::pin(users::delete::handle(ctx))),
    route(PUT, "/v1/users/{id}/password", Access::Owner, Produces::Any, Cost::Normal, |ctx| Box::pin(password::handle(ctx))),
    route(PUT, "/v1/users/{id}/picture", Access::Owner, Produces::Json, Cost::Normal, |ctx| Box::pin(picture::set(ctx))),
    route(DELETE, "/v1/users/{id}/picture", Access::OwnerOrAdmin, Produces::Json, Cost::Normal, |ctx| Box::pin(picture::clear(ctx))),
    route(POST, "/v1/users/{id}/images", Access::Owner, Produces::Json, Cost::Stream, |ctx| Box::pin(images::upload::handle(ctx))),
    route(GET, "/v1/users/{id}/images", Access::Public, Produces::Json, Cost::Normal, |ctx| Box::pin(images::list::handle(ctx))),
    route(GET, "/v1/users/{id}/images/{image}", Access::Public, Produces::Json, Cost::Normal, |ctx| Box::pin(images::get::handle(ctx))),
    route(DELETE, "/v1/users/{id}/images/{image}", Access::OwnerOrAdminOfImage, Produces::Any, Cost::Normal, |ctx| Box::pin(images::delete::handle(ctx))),
    route(GET, "/v1/users/{id}/images/{image}/events", Access::Public, Produces::Events, Cost::Stream, |ctx| Box::pin(images::events::handle(ctx))),
    route(POST, "/v1/sessions", Access::Public, Produces::Json, Cost::SignIn, |ctx| Box::pin(sessions::create::handle(ctx))),
    route(GET, "/v1/sessions", Access::SignedIn, Produces::Json, Cost::Normal, |ctx| Box::pin(sessions::list::handle(ctx))),
    route(DELETE, "/v1/sessions", Access::SignedIn, Produces::Any, Cost::Normal, |ctx| Box::pin(sessions::end::all(ctx))),
    route(DELETE, "/v1/sessions/current", Access::SignedIn, Produces::Any, Cost::Normal, |ctx| Box::pin(sessions::end::current(ctx))),
    route(DELETE, "/v1/sessions/{id}", Access::SignedIn, Produces::Any, Cost::Normal, |ctx| Box::pin(sessions::end::one(ctx))),
    route(GET, "/v1/feed/recent", Access::Public, Produces::Json, Cost::Normal, |ctx| Box::pin(feed::recent(ctx))),
    route(GET, "/v1/media/{key}", Access::Public, Produces::Any, Cost::Stream, |ctx| Box::pin(media::handle(ctx))),
    route(GET, "/", Access::Public, Produces::JsonOrHtml, Cost::Normal, |ctx| Box::pin(async move { pages::index::handle(&ctx) })),
    route(GET, "/assets/{file}", Access::Public, Produces::Any, Cost::Normal, |ctx| Box::pin(async move { pages::files::asset(&ctx) })),
    route(GET, "/favicon.ico", Access::Public, Produces::Any, Cost::Normal, |ctx| Box::pin(async move { pages::files::icon(&ctx) })),
    route(GET, "/v1/openapi.json", Access::Public, Produces::Json, Cost::Normal, |ctx| Box::pin(async move { pages::docs::openapi(&ctx) })),
    route(GET, "/v1/docs", Access::Public, Produces::Html, Cost::Normal, |ctx| Box::pin(async move { pages::docs::page(&ctx) })),
    route(GET, "/v1/docs/{file}", Access::Public, Produces::Any, Cost::Normal, |ctx| Box::pin(async move { pages::docs::file(&ctx) })),
    route(GET, "/v1/docs/problems/{code}", Access::Public, Produces::Html, Cost::Normal, |ctx| Box::pin(async move { pages::problems::handle(&ctx) })),
];

/// axum's router over the table: it finds the path, [`edge::enter`] does everything else.
pub fn router(gateway: &Arc<Gateway>) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints(TABLE) {
        let (app, endpoint) = (gateway.clone(), Arc::new(endpoint));
        let path = endpoint.path;
        let enter = move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            let (app, endpoint) = (app.clone(), endpoint.clone());
            // A path that is no UTF-8 names nothing.
            let params = params
                .ok()
                .map(|params| params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
            async move { edge::enter(app, Some(&endpoint), params, request).await }
        };
        router = router.route(path, any(enter));
    }
    let app = gateway.clone();
    router.fallback(move |request: Request| {
        let app = app.clone();
        async move { edge::enter(app, None, None, request).await }
    })
}
