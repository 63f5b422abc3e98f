//! `POST /v1/users`: sign-up.

use api::user::v1::{CreateUserRequest, Role};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::{
    context::Ctx,
    error::{Answer, both},
    routes::users::{input, written},
    views,
};

/// Signs a user up.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", operation_id = "createUser",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same key and body get the same answer for 24 h")),
    request_body = input::SignUp,
    responses((status = 201, description = "Signed up", body = views::UserView, headers(("Location" = String), ("ETag" = String))))
)]
pub async fn handle(mut ctx: Ctx) -> Answer {
    let (value, bytes) = ctx.json(&["application/json"]).await?;
    let (idempotency, new) = both(ctx.idempotency(&[&bytes]), input::sign_up(&value))?;
    let message = CreateUserRequest {
        email: new.email.given().to_owned(),
        password: new.password,
        address: input::new_address(&new.profile.address).map(Into::into),
        first_name: new.profile.first_name.unwrap_or_default(),
        last_name: new.profile.last_name.unwrap_or_default(),
        phone_numbers: new.profile.phone_numbers.unwrap_or_default(),
        idempotency,
        role: Role::User.into(),
    };
    let made = ctx.take(ctx.app.users.clone().create_user(ctx.call(message)).await)?;
    let user: model::profile::User = views::must(made.user)?;
    let location = format!("/v1/users/{}", user.id);
    let mut response = written(&ctx, user, StatusCode::CREATED)?;
    response.headers_mut().extend(HeaderValue::from_str(&location).ok().map(|location| (header::LOCATION, location)));
    if made.replayed {
        response
            .headers_mut()
            .insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}
