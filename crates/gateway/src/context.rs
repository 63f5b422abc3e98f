//! What a handler gets: the request, who calls, and the services, with ids, deadline and consistency attached to every call.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use model::{Code, Error, FieldError, ImageId, Location, SessionId, UserId, profile::Role};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::{
    accept, app::Gateway, caller::Caller, consistency::Seen, error::Problem, idempotency, json, server::body::BodyError,
};

/// Largest JSON body.
pub const JSON_MAX_BYTES: usize = 64 * 1024;

/// One request being answered.
pub struct Ctx {
    /// The gateway.
    pub app: Arc<Gateway>,
    /// The method, HEAD included.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, not read yet. The lock only makes the context shareable between threads; it is never contended.
    pub body: Mutex<Body>,
    /// What the path's template holds, by name.
    pub params: Vec<(String, String)>,
    /// Who calls, if anybody is signed in.
    pub caller: Option<Caller>,
    /// The client's address.
    pub address: IpAddr,
    /// When the body must be here, and then when the answer is due.
    pub deadline: Instant,
    /// Now, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// What the client has seen of its own writes, and what this request adds.
    pub seen: Arc<Mutex<Seen>>,
}

impl Ctx {
    /// A part of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The user named by the path.
    pub fn user(&self) -> Result<UserId, Problem> {
        UserId::parse(self.param("id")).ok_or_else(|| Error::not_found("user").into())
    }

    /// The image named by the path.
    pub fn image(&self) -> Result<ImageId, Problem> {
        ImageId::parse(self.param("image")).ok_or_else(|| Error::not_found("image").into())
    }

    /// The session named by the path.
    pub fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.param("id")).ok_or_else(|| Error::not_found("session").into())
    }

    /// The caller of a route that asks for one.
    pub fn signed_in(&self) -> Result<Caller, Problem> {
        self.caller.ok_or_else(|| Error::new(Code::Unauthenticated, "Sign in first.").into())
    }

    /// Whether the caller sees all of this user.
    pub fn sees_all_of(&self, user: UserId) -> bool {
        self.caller.is_some_and(|caller| caller.user == user || caller.role == Role::Admin)
    }

    /// A query parameter; sent twice it is an error, and so is one that is no text.
    pub fn query(&self, name: &str) -> Result<Option<String>, FieldError> {
        let found = self.raw_query(name)?;
        if found.as_ref().is_some_and(|text| text.contains('\0')) {
            return Err(wrong_parameter(name, "must be text in UTF-8 without NUL"));
        }
        Ok(found)
    }

    /// A query parameter whatever it holds; what is no UTF-8 comes as NUL. Sent twice it is an error.
    pub fn raw_query(&self, name: &str) -> Result<Option<String>, FieldError> {
        let mut values = pairs(self.uri.query().unwrap_or_default()).filter(|(key, _)| key.as_deref() == Some(name));
        let found = values.next().map(|(_, value)| value.unwrap_or_else(|| "\0".to_owned()));
        if values.next().is_some() { Err(wrong_parameter(name, "must be given once")) } else { Ok(found) }
    }

    /// The body; what is left is empty.
    pub fn take_body(&mut self) -> Body {
        std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The whole body, at most `limit` bytes.
    pub async fn bytes(&mut self, limit: usize) -> Result<Bytes, Problem> {
        let mut body = self.take_body();
        let too_large = || Problem::new(Code::BodyTooLarge, format!("Send a body of at most {limit} bytes."));
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let mut all = BytesMut::new();
        // A body that drips is the client's doing, so it is told so; the work on it then has its time for itself.
        let late = |_| Problem::bare(StatusCode::REQUEST_TIMEOUT);
        while let Some(frame) = timeout_at(self.deadline, body.frame()).await.map_err(late)? {
            let Ok(data) = frame.map_err(|error| body_problem(&error))?.into_data() else {
                continue;
            };
            if all.len() + data.len() > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&data);
        }
        self.deadline = Instant::now() + Duration::from_millis(self.app.config.deadline_ms);
        Ok(all.freeze())
    }

    /// The body as JSON, and its bytes.
    pub async fn json(&mut self, types: &[&str]) -> Result<(Value, Bytes), Problem> {
        let sent = accept::content_type(&self.headers);
        if !sent.as_deref().is_some_and(|sent| types.contains(&sent)) || accept::foreign_charset(&self.headers) {
            let detail = format!("Send the body as {} in UTF-8.", types.join(" or "));
            return Err(Problem::new(Code::UnsupportedMediaType, detail).header(header::ACCEPT, &types.join(", ")));
        }
        let coded = |value: &http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if self.headers.get_all(header::CONTENT_ENCODING).iter().any(coded) {
            return Err(Problem::new(Code::UnsupportedMediaType, "Send the body without Content-Encoding."));
        }
        let bytes = self.bytes(JSON_MAX_BYTES).await?;
        Ok((json::read(&bytes)?, bytes))
    }

    /// A call to a service, with this request's ids, what is left of its time, and what its client has seen.
    pub fn call<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = runtime::context::request(message, Some(self.patience()));
        let positions = self.seen.lock().unwrap_or_else(PoisonError::into_inner).positions();
        if !positions.is_empty() {
            let text: Vec<String> =
                positions.iter().map(|p| format!("{}:{}:{}", p.shard, p.role_epoch, p.log)).collect();
            if let Ok(value) = text.join(",").parse() {
                request.metadata_mut().insert(api::position::KEY, value);
            }
        }
        request
    }

    /// How long a call may take: what is left of the request's time, and no longer than a request without a stream may take.
    pub fn patience(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left.clamp(Duration::from_millis(1), Duration::from_millis(self.app.config.deadline_ms))
    }

    /// A service's answer; where a write landed is noted for the consistency token.
    pub fn take<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, Problem> {
        match answer {
            Ok(answer) => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                for position in api::position::read(answer.metadata()) {
                    seen.merge(position);
                }
                Ok(answer.into_inner())
            }
            Err(status) => {
                let error = api::status::from_status(&status);
                // Nothing that only reads is ever in doubt.
                if error.code == Code::InDoubt && self.method.is_safe() {
                    return Err(Problem::new(Code::Unavailable, "No answer came in time. Try again."));
                }
                Err(error.into())
            }
        }
    }

    /// Prints for services, where the client sent an `Idempotency-Key`. `body` is what makes two requests the same.
    pub fn idempotency(&self, body: &[&[u8]]) -> Result<Option<api::user::v1::Idempotency>, Problem> {
        let Some(key) = idempotency::key(&self.headers)? else {
            return Ok(None);
        };
        let caller = self.caller.map_or_else(|| "anyone".to_owned(), |caller| caller.user.to_string());
        Ok(Some(self.app.prints.wire(&caller, self.method.as_str(), self.uri.path(), key, body)))
    }
}

/// What a broken or stalled body is answered with.
pub fn body_problem(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(BodyError::Stalled)) {
            return Problem::bare(StatusCode::REQUEST_TIMEOUT);
        }
        cause = error.source();
    }
    Problem::new(Code::Malformed, "The body broke off or its chunks are broken. Send it whole.")
}

fn wrong_parameter(name: &str, detail: &str) -> FieldError {
    FieldError { location: Location::Parameter(name.to_owned()), detail: detail.to_owned() }
}

/// The pairs of a query; what is no UTF-8 after decoding is nothing.
fn pairs(query: &str) -> impl Iterator<Item = (Option<String>, Option<String>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let read = |query: &str| pairs(query).collect::<Vec<_>>();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("a=1&b=%40+x&&c"), [(some("a"), some("1")), (some("b"), some("@ x")), (some("c"), some(""))]);
        assert_eq!(read("a=%ff&b=%4"), [(some("a"), None), (some("b"), None)]);
    }
}
