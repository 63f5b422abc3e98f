//! `GET /v1/users/{id}`, and `GET /users/{id}` as the textbook has it: JSON or HTML, whole or public.

use crate::{
    accept::prefers_html,
    conditional::{Caching, Form, answer, user_tag},
    context::Ctx,
    error::Answer,
    routes::users::{fetch, html, show},
    views,
};

/// One user: the owner and administrators see all of it, others the public part.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users", operation_id = "getUser",
    params(("id" = u64, Path, description = "The user"), ("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "The user", headers(("ETag" = String)),
            content((views::AnyUserView = "application/json"), (String = "text/html"))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let user = fetch(&ctx, id).await?;
    let (all, as_html) = (ctx.sees_all_of(id), prefers_html(&ctx.headers));
    let caching = if all { Caching::Private } else { Caching::Public };
    if as_html {
        let tag = user_tag(id, user.version, if all { Form::FullHtml } else { Form::PublicHtml });
        let body =
            if all { html::full(&ctx.app.user_view(user)) } else { html::public(&ctx.app.public_user_view(user)) };
        let mut response = answer(&ctx.headers, &tag, caching, "text/html; charset=utf-8", body.into());
        ctx.app.assets.protect(response.headers_mut());
        return Ok(response);
    }
    if all {
        return show(&ctx, user);
    }
    let tag = user_tag(id, user.version, Form::Public);
    let body = views::to_json(&ctx.app.public_user_view(user))?;
    Ok(answer(&ctx.headers, &tag, caching, "application/json", body))
}

/// The same under the textbook's path.
#[utoipa::path(
    get, path = "/users/{id}", tag = "users", operation_id = "getUserUnprefixed",
    params(("id" = u64, Path, description = "The user"), ("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "The user", headers(("ETag" = String)),
            content((views::AnyUserView = "application/json"), (String = "text/html"))),
        (status = 304, description = "The client has it"),
    )
)]
pub async fn handle_unprefixed(ctx: Ctx) -> Answer {
    handle(ctx).await
}
