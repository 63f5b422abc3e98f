//! `GET /v1/users/me`.

use model::{Code, Error};

use crate::{
    context::Ctx,
    error::Answer,
    routes::users::{fetch, show},
    views,
};

/// The caller's own user.
#[utoipa::path(
    get, path = "/v1/users/me", tag = "users", operation_id = "getMe",
    params(("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "The user", body = views::UserView, headers(("ETag" = String))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    match fetch(&ctx, ctx.signed_in()?.user).await {
        Ok(user) => show(&ctx, user),
        // Deleted a moment ago, and with it every session: the caller is nobody any more.
        Err(problem) if problem.error.code == Code::NotFound => {
            Err(Error::new(Code::Unauthenticated, "The session has ended. Sign in again.").into())
        }
        Err(problem) => Err(problem),
    }
}
