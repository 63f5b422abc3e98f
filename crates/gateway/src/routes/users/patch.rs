//! `PATCH /v1/users/{id}`: merge patch (RFC 7396).

use api::user::v1::UpdateUserRequest;
use http::StatusCode;
use model::Error;

use crate::{
    context::Ctx,
    error::Answer,
    routes::users::{if_version, input, written},
    views,
};

/// Changes a profile. A patch that changes nothing keeps the version.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "users", operation_id = "updateUser",
    params(("id" = u64, Path, description = "The user"), ("If-Match" = Option<String>, Header, description = "The tag of the full form the change was made from")),
    request_body(content((input::ProfileChange = "application/merge-patch+json"), (input::ProfileChange = "application/json"))),
    responses((status = 200, description = "Changed", body = views::UserView, headers(("ETag" = String))))
)]
pub async fn handle(mut ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let (value, _) = ctx.json(&["application/merge-patch+json", "application/json"]).await?;
    let patch = input::merge_patch(&value).map_err(Error::invalid)?;
    let if_version = if_version(&ctx, id).await?;
    let message = UpdateUserRequest { user_id: id.get(), if_version, ..UpdateUserRequest::from(patch) };
    let changed = ctx.take(ctx.app.users.clone().update_user(ctx.call(message)).await)?;
    written(&ctx, views::must(changed.user)?, StatusCode::OK)
}
