//! `PUT /v1/users/{id}/password`.

use api::user::v1::ChangePasswordRequest;
use model::Error;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    context::Ctx,
    error::{Answer, Problem, both},
    fields::Fields,
    routes::users::{if_version, input::strong, nothing},
};

/// What a change of password sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct PasswordChange {
    /// The password as it is.
    current_password: String,
    /// The password as it shall be.
    #[schema(min_length = 8, max_length = 256)]
    new_password: String,
}

/// Changes the password. All other sessions end.
#[utoipa::path(
    put, path = "/v1/users/{id}/password", tag = "users", operation_id = "changePassword",
    params(("id" = u64, Path, description = "The user"), ("If-Match" = Option<String>, Header, description = "The tag of the user's full form")),
    request_body = PasswordChange,
    responses((status = 204, description = "Changed"))
)]
pub async fn handle(mut ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let (value, _) = ctx.json(&["application/json"]).await?;
    let (current_password, new_password) = read(&value)?;
    let if_version = if_version(&ctx, id).await?;
    let keep_session_id = ctx.signed_in()?.session.0.to_vec();
    let message =
        ChangePasswordRequest { user_id: id.get(), current_password, new_password, keep_session_id, if_version };
    let answer = ctx.app.users.clone().change_password(ctx.call(message)).await;
    ctx.app.live.forget(id).await;
    ctx.take(answer)?;
    Ok(nothing())
}

fn read(value: &Value) -> Result<(String, String), Problem> {
    let mut fields = Fields::of(value, "").map_err(|error| Error::invalid(vec![error]))?;
    let current = fields.required_secret("currentPassword").map(str::to_owned);
    let new = fields.required_secret("newPassword").map(str::to_owned);
    let strong = strong(new.as_deref(), None, "/newPassword");
    let errors = fields.finish();
    let read = match (current, new) {
        (Some(current), Some(new)) if errors.is_empty() => Ok((current, new)),
        _ => Err(Error::invalid(errors)),
    };
    both(read, strong).map(|(read, ())| read)
}
