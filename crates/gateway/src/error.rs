//! Problems: the one place where an error becomes an HTTP answer (RFC 9457).

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use model::{Code, Error, Location};
use serde::Serialize;
use utoipa::ToSchema;

/// An error on its way out, with headers of its own.
#[derive(Debug)]
pub struct Problem {
    /// What is told.
    pub error: Error,
    /// What goes with it, such as `Allow`.
    pub headers: Box<HeaderMap>,
    /// A status of the HTTP layer (408, 414), which is answered bare and closes the connection.
    pub bare: Option<StatusCode>,
}

/// What a handler answers.
pub type Answer = Result<Response<Body>, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, headers: Box::default(), bare: None }
    }
}

impl From<objects::Error> for Problem {
    fn from(error: objects::Error) -> Self {
        if !matches!(
            error,
            objects::Error::NotFound | objects::Error::TooLarge { .. } | objects::Error::OutOfRange { .. }
        ) {
            tracing::error!(error = &error as &dyn std::error::Error, "the object store failed");
        }
        Error::from(error).into()
    }
}

impl Problem {
    /// An error with a code and a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Error::new(code, detail).into()
    }

    /// A bare answer of the HTTP layer.
    pub fn bare(status: StatusCode) -> Self {
        Self { bare: Some(status), ..Self::new(Code::Malformed, "") }
    }

    /// Adds a header; one that cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Two readings of one request: what is wrong with either is told in one answer.
///
/// # Errors
/// All errors of fields together; where something else is wrong too, that one.
pub fn both<A, B>(a: Result<A, impl Into<Problem>>, b: Result<B, impl Into<Problem>>) -> Result<(A, B), Problem> {
    let is_input = |problem: &Problem| matches!(problem.error.code, Code::InvalidInput | Code::WeakPassword);
    match (a.map_err(Into::into), b.map_err(Into::into)) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(a), Err(b)) if is_input(&a) && is_input(&b) => {
            Err(Error::invalid(a.error.fields.into_iter().chain(b.error.fields).collect()).into())
        }
        (Err(a), Err(b)) if is_input(&a) => Err(b),
        (Err(problem), _) | (_, Err(problem)) => Err(problem),
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The kind of problem; a page in /v1/docs says more.
    #[serde(rename = "type")]
    #[schema(example = "https://myriad.example/problems/not-found")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What to do.
    pub detail: String,
    /// The path asked for.
    pub instance: String,
    /// The kind for programs.
    #[schema(example = "NOT_FOUND")]
    pub code: String,
    /// The trace to name when asking for help.
    pub trace_id: String,
    /// For input: all that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemField>,
}

/// One thing wrong with the input.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// `not-found` for `NOT_FOUND`.
pub fn kebab(code: Code) -> String {
    code.as_str().to_ascii_lowercase().replace('_', "-")
}

/// The kind of problem in words.
pub const fn title(code: Code) -> &'static str {
    match code {
        Code::Malformed => "The request cannot be read",
        Code::InvalidInput => "The input is not valid",
        Code::BadCursor => "The cursor is not valid",
        Code::WeakPassword => "The password is too weak",
        Code::Unauthenticated => "Sign in first",
        Code::BadCredentials | Code::WrongPassword => "The credentials are wrong",
        Code::Forbidden => "Not allowed",
        Code::CrossSite => "Not from another site",
        Code::NotFound => "Not found",
        Code::MethodNotAllowed => "Method not allowed",
        Code::NotAcceptable => "No acceptable form",
        Code::UnsupportedMediaType => "The content type is not taken",
        Code::UnsupportedPicture => "The picture's format is not taken",
        Code::EmailTaken => "The e-mail address is taken",
        Code::IdempotencyInProgress => "Still being worked on",
        Code::PictureNotReady => "The picture is not ready",
        Code::VersionMismatch => "Changed in the meantime",
        Code::BodyTooLarge => "The body is too large",
        Code::TooManyPixels => "The picture has too many pixels",
        Code::RangeNotSatisfiable => "The range cannot be satisfied",
        Code::IdempotencyKeyReused => "The key was used for another request",
        Code::RateLimited => "Too many requests",
        Code::QuotaExceeded => "The quota is used up",
        Code::Busy => "Busy",
        Code::Unavailable => "Not available now",
        Code::InDoubt => "The outcome is not known",
        Code::Internal | Code::Moved | Code::JobOver => "A fault on our side",
    }
}

/// Makes the answer. `instance` is the path, `base` the beginning of problem types.
pub fn render(problem: Problem, base: &str, instance: &str, trace_id: &str) -> Response<Body> {
    let Problem { mut error, headers, bare } = problem;
    if let Some(status) = bare {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return response;
    }
    // Codes between services mean nothing to a client: what they stand for outside is "try again", or a fault of ours.
    match error.code {
        Code::Moved => error = Error::new(Code::Unavailable, "The data is being moved. Try again."),
        Code::JobOver => error = Error::internal(),
        _ => {}
    }
    let code = error.code;
    let body = ProblemBody {
        kind: format!("{base}/{}", kebab(code)),
        title: title(code).to_owned(),
        status: code.http_status(),
        detail: error.detail,
        instance: instance.to_owned(),
        code: code.as_str().to_owned(),
        trace_id: trace_id.to_owned(),
        errors: error.fields.into_iter().map(field).collect(),
    };
    // A struct of strings and numbers always serialises.
    let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if body.status == 401 {
        out.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = error.retry_after_s {
        out.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.replayed {
        out.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    out.extend(*headers);
    response
}

fn field(error: model::FieldError) -> ProblemField {
    let mut field = ProblemField { pointer: None, parameter: None, header: None, detail: error.detail };
    match error.location {
        Location::Pointer(pointer) => field.pointer = Some(pointer),
        Location::Parameter(name) => field.parameter = Some(name),
        Location::Header(name) => field.header = Some(name),
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_code_has_a_status_that_http_knows() {
        for code in Code::ALL {
            assert!(StatusCode::from_u16(code.http_status()).unwrap().as_u16() >= 400);
            assert!(!title(code).is_empty());
        }
        assert_eq!(kebab(Code::IdempotencyInProgress), "idempotency-in-progress");
    }

    #[test]
    fn two_readings_fail_together() {
        let at = |pointer| Error::invalid(vec![model::FieldError::at(pointer, "wrong")]);
        let weak = password::policy::Weak::TooShort.at("/password");
        let told = |a: Result<(), Error>, b: Result<(), Error>| {
            both(a, b).map_err(|problem| (problem.error.code, problem.error.fields.len()))
        };
        assert_eq!(told(Ok(()), Ok(())), Ok(((), ())));
        assert_eq!(told(Ok(()), Err(weak.clone())), Err((Code::WeakPassword, 1)));
        assert_eq!(told(Err(at("/a")), Err(weak)), Err((Code::InvalidInput, 2)));
        let malformed = || Err(Error::new(Code::Malformed, ""));
        assert_eq!(told(Err(at("/a")), malformed()), Err((Code::Malformed, 0)));
        assert_eq!(told(malformed(), Err(at("/a"))), Err((Code::Malformed, 0)));
    }

    #[test]
    fn codes_between_services_never_leave() {
        let response = render(Problem::new(Code::Moved, "epoch 7"), "b", "/", "t");
        assert_eq!(response.status(), 503);
        let response = render(Problem::new(Code::JobOver, "x"), "b", "/", "t");
        assert_eq!(response.status(), 500);
    }
}
