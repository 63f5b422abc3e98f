//! Users: sign-up, profile, list.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use model::{UserId, profile::User};

use crate::{
    conditional::{Caching, Form, IfMatch, answer, mismatch, user_tag},
    context::Ctx,
    error::{Answer, Problem},
    views,
};

pub mod create;
pub mod delete;
pub mod get;
mod html;
pub mod input;
pub mod list;
pub mod me;
pub mod patch;

/// The user as the services know it now.
pub async fn fetch(ctx: &Ctx, user: UserId) -> Result<User, Problem> {
    let message = api::user::v1::GetUserRequest { user_id: user.get() };
    let found = ctx.take(ctx.app.users.clone().get_user(ctx.call(message)).await)?;
    Ok(views::must(found.user)?)
}

/// The full form, for a GET: 200, or 304.
pub fn show(ctx: &Ctx, user: User) -> Answer {
    let tag = user_tag(user.id, user.version, Form::Full);
    let body = views::to_json(&ctx.app.user_view(user))?;
    Ok(answer(&ctx.headers, &tag, Caching::Private, "application/json", body))
}

/// The full form, for a write.
pub fn written(ctx: &Ctx, user: User, status: StatusCode) -> Answer {
    let tag = user_tag(user.id, user.version, Form::Full);
    let mut response = Response::new(Body::from(views::to_json(&ctx.app.user_view(user))?));
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(Caching::Private.value()));
    out.insert(header::VARY, HeaderValue::from_static("Accept, Authorization, Cookie"));
    out.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    Ok(response)
}

/// The version that `If-Match` allows a write to change; none for any.
pub async fn if_version(ctx: &Ctx, user: UserId) -> Result<Option<u64>, Problem> {
    match IfMatch::of(&ctx.headers).versions(user).as_deref() {
        None => Ok(None),
        Some([version]) => Ok(Some(*version)),
        Some(versions) => {
            let present = fetch(ctx, user).await?.version;
            if versions.contains(&present) { Ok(Some(present)) } else { Err(mismatch().into()) }
        }
    }
}

/// 204.
pub fn nothing() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
