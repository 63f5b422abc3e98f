//! `DELETE /v1/sessions/{id}`, `/v1/sessions/current`, `/v1/sessions`: sign-out.

use api::session::v1::{EndAllSessionsRequest, EndSessionRequest};
use http::header;
use model::SessionId;

use crate::{
    conditional::IfMatch,
    context::Ctx,
    error::Answer,
    routes::{sessions::no_store, users::nothing},
};

/// Ends one of the caller's sessions; an ended one or another's is not found.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions", operation_id = "endSession",
    params(("id" = String, Path, description = "The session")),
    responses((status = 204, description = "Ended"))
)]
pub async fn one(ctx: Ctx) -> Answer {
    let session = ctx.session()?;
    end(ctx, session).await
}

/// Ends the session of this very request, and takes the cookie away.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions", operation_id = "signOut",
    responses((status = 204, description = "Ended"))
)]
pub async fn current(ctx: Ctx) -> Answer {
    let session = ctx.signed_in()?.session;
    end(ctx, session).await
}

async fn end(ctx: Ctx, session: SessionId) -> Answer {
    // Sessions have no tag, so none can match.
    IfMatch::of(&ctx.headers).check("")?;
    let caller = ctx.signed_in()?;
    let message = EndSessionRequest { user_id: caller.user.get(), session_id: session.0.to_vec() };
    let answer = ctx.app.sessions.clone().end_session(ctx.call(message)).await;
    ctx.app.live.forget(caller.user).await;
    ctx.take(answer)?;
    Ok(ended(&ctx, session == caller.session))
}

/// Ends all sessions of the caller, this one too.
#[utoipa::path(
    delete, path = "/v1/sessions", tag = "sessions", operation_id = "endAllSessions",
    responses((status = 204, description = "Ended"))
)]
pub async fn all(ctx: Ctx) -> Answer {
    IfMatch::of(&ctx.headers).check("")?;
    let user = ctx.signed_in()?.user;
    let message = EndAllSessionsRequest { user_id: user.get() };
    let answer = ctx.app.sessions.clone().end_all_sessions(ctx.call(message)).await;
    ctx.app.live.forget(user).await;
    ctx.take(answer)?;
    Ok(ended(&ctx, true))
}

fn ended(ctx: &Ctx, current: bool) -> http::Response<axum::body::Body> {
    let mut response = nothing();
    no_store(&mut response);
    if current {
        response.headers_mut().extend(ctx.app.cookies.clear_session().map(|cookie| (header::SET_COOKIE, cookie)));
    }
    response
}
