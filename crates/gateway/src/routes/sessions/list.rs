//! `GET /v1/sessions`: the caller's own.

use api::session::v1::ListSessionsRequest;
use axum::body::Body;
use http::{HeaderValue, Response, header};
use model::session::Session;

use crate::{
    context::Ctx,
    error::Answer,
    routes::sessions::no_store,
    views::{self, ListView, SessionView},
};

/// The caller's live sessions.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", operation_id = "listSessions",
    responses((status = 200, description = "All of them", body = ListView<SessionView>))
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let caller = ctx.signed_in()?;
    let message = ListSessionsRequest { user_id: caller.user.get() };
    let found = ctx.take(ctx.app.sessions.clone().list_sessions(ctx.call(message)).await)?;
    let sessions =
        found.sessions.into_iter().map(|session| views::must(Some(session))).collect::<Result<Vec<Session>, _>>()?;
    let items = sessions.into_iter().map(|session| {
        let current = session.id == caller.session;
        views::session_view(session, current)
    });
    let list = ListView { items: items.collect::<Vec<SessionView>>(), next_cursor: None };
    let mut response = Response::new(Body::from(views::to_json(&list)?));
    no_store(&mut response);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
