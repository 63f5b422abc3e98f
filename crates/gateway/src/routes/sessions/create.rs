//! `POST /v1/sessions`: sign-in.

use api::session::v1::SignInRequest;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use model::{EmailAddress, Error, session::Session, time::rfc3339};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    context::Ctx,
    error::{Answer, both},
    fields::Fields,
    routes::sessions::no_store,
    views,
};

const USER_AGENT_MAX: usize = 256;

/// What a sign-in sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct SignIn {
    /// The account's e-mail address.
    #[schema(format = Email, example = "john.smith@example.com")]
    email: String,
    /// The account's password.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Signs in. The token is in the answer and in the cookie.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", operation_id = "signIn",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same key and body get the same answer for 24 h")),
    request_body = SignIn,
    responses((status = 201, description = "Signed in", body = views::NewSessionView, headers(("Set-Cookie" = String))))
)]
pub async fn handle(mut ctx: Ctx) -> Answer {
    let (value, bytes) = ctx.json(&["application/json"]).await?;
    let (idempotency, (email, password)) = both(ctx.idempotency(&[&bytes]), read(&value))?;
    let message =
        SignInRequest { email, password, ip: ctx.address.to_string(), user_agent: user_agent(&ctx), idempotency };
    let made = ctx.take(ctx.app.sessions.clone().sign_in(ctx.call(message)).await)?;
    let session: Session = views::must(made.session)?;
    let view = views::NewSessionView {
        id: session.id.to_string(),
        token: made.token,
        expires_at: rfc3339(session.expires_at_ms),
        user_id: session.user_id.get(),
    };
    let mut response = Response::new(Body::from(views::to_json(&view)?));
    *response.status_mut() = StatusCode::CREATED;
    no_store(&mut response);
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.extend(ctx.app.cookies.set_session(&view.token).map(|cookie| (header::SET_COOKIE, cookie)));
    if made.replayed {
        out.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn read(value: &Value) -> Result<(String, String), Error> {
    let mut fields = Fields::of(value, "").map_err(|error| Error::invalid(vec![error]))?;
    let email = fields.required_text("email").map(str::to_owned);
    if let Some(Err(detail)) = email.as_deref().map(EmailAddress::parse) {
        fields.wrong("email", detail);
    }
    let password = fields.required_secret("password").map(str::to_owned);
    let errors = fields.finish();
    match (email, password) {
        (Some(email), Some(password)) if errors.is_empty() => Ok((email, password)),
        _ => Err(Error::invalid(errors)),
    }
}

/// As the browser names itself: printable, and cut where it is very long.
fn user_agent(ctx: &Ctx) -> String {
    let sent = ctx.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sign_in_is_read_and_all_errors_told() {
        assert!(read(&json!({"email": "a@example.com", "password": ""})).is_ok());
        assert_eq!(read(&json!({"email": "a", "password": "\u{0}", "x": 1})).unwrap_err().fields.len(), 3);
    }
}
