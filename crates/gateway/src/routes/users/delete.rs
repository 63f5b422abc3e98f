//! `DELETE /v1/users/{id}`.

use api::user::v1::DeleteUserRequest;
use http::header;

use crate::{
    context::Ctx,
    error::Answer,
    routes::users::{if_version, nothing},
};

/// Deletes a user: sessions end, pictures go, the e-mail address is free at once.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "users", operation_id = "deleteUser",
    params(("id" = u64, Path, description = "The user"), ("If-Match" = Option<String>, Header, description = "The tag of the full form")),
    responses((status = 204, description = "Deleted"))
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let if_version = if_version(&ctx, id).await?;
    let message = DeleteUserRequest { user_id: id.get(), if_version };
    let answer = ctx.app.users.clone().delete_user(ctx.call(message)).await;
    // Also where the outcome is not known: asking again costs little.
    ctx.app.live.forget(id).await;
    ctx.take(answer)?;
    let mut response = nothing();
    if ctx.signed_in()?.user == id && ctx.app.cookies.session(&ctx.headers).is_some() {
        response.headers_mut().extend(ctx.app.cookies.clear_session().map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}
