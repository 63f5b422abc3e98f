//! `GET /v1/users`: all users of all shards, for administrators.

use api::user::v1::ListUsersRequest;
use model::{EmailAddress, FieldError, Location, UserId, profile::User};

use crate::{
    conditional::Caching,
    context::Ctx,
    error::Answer,
    page::{self, Page},
    views,
};

/// All users in ascending order of their ids; no user twice or missed.
#[utoipa::path(
    get, path = "/v1/users", tag = "users", operation_id = "listUsers",
    params(
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 by default"),
        ("email" = Option<String>, Query, description = "The user with exactly this e-mail address"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has"),
    ),
    responses(
        (status = 200, description = "A page", body = views::ListView<views::UserView>, headers(("ETag" = String))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let wrong = |detail: &str| FieldError { location: Location::Parameter("email".into()), detail: detail.into() };
    let email =
        ctx.query("email").and_then(|email| email.map(|given| EmailAddress::parse(&given).map_err(wrong)).transpose());
    let list = format!("users {}", email.as_ref().ok().and_then(Option::as_ref).map_or("", EmailAddress::normal));
    let page = Page::read(&ctx, &list, email.as_ref().err().cloned().into_iter().collect())?;
    let message = ListUsersRequest {
        limit: page.limit,
        after_user_id: page.after.and_then(|place| UserId::parse(&place)).map_or(0, UserId::get),
        email: email.ok().flatten().map(|email| email.given().to_owned()).unwrap_or_default(),
    };
    let found = ctx.take(ctx.app.users.clone().list_users(ctx.call(message)).await)?;
    let users = found.users.into_iter().map(|user| views::must(Some(user))).collect::<Result<Vec<User>, _>>()?;
    let next = users.last().filter(|_| found.more).map(|user| ctx.app.cursors.make(&list, &user.id.to_string()));
    let items = users.into_iter().map(|user| ctx.app.user_view(user)).collect();
    page::show(&ctx, items, next, Caching::Private)
}
