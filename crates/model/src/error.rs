//! The one error that crosses service boundaries: a public code, a sentence that says what to do, and field errors.
//!
//! Each service maps its own errors to this one; the `api` crate maps it to gRPC and the gateway to HTTP.

use std::fmt;

/// Result with the shared error.
pub type Result<T> = std::result::Result<T, Error>;

/// The closed set of public codes, and two that only services see (`Moved`, `JobOver`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Not JSON, a broken form, a key twice.
    Malformed,
    /// Something wrong with a field; `Error::fields` says all of it.
    InvalidInput,
    /// A cursor that this server did not make.
    BadCursor,
    /// A password that policy refuses.
    WeakPassword,
    /// No session where one is needed, or a bad token.
    Unauthenticated,
    /// Sign-in refused (401).
    BadCredentials,
    /// The current password given for a change is wrong (403, same public code as `BadCredentials`).
    WrongPassword,
    /// Signed in, but not allowed.
    Forbidden,
    /// A write by cookie from another site.
    CrossSite,
    /// No such thing, or not to be known of.
    NotFound,
    /// The route has no such method.
    MethodNotAllowed,
    /// No form of the answer is acceptable.
    NotAcceptable,
    /// The body's type is not taken here.
    UnsupportedMediaType,
    /// Not a picture, or not one of the formats taken.
    UnsupportedPicture,
    /// Another account has this e-mail.
    EmailTaken,
    /// The first request with this key is still being worked on.
    IdempotencyInProgress,
    /// The picture is not done.
    PictureNotReady,
    /// If-Match names another version.
    VersionMismatch,
    /// More bytes than allowed.
    BodyTooLarge,
    /// More pixels than allowed.
    TooManyPixels,
    /// No part of the thing lies in the range asked for.
    RangeNotSatisfiable,
    /// Same Idempotency-Key, other request.
    IdempotencyKeyReused,
    /// Too many requests of this kind.
    RateLimited,
    /// More things than one user may have.
    QuotaExceeded,
    /// A bounded queue is full.
    Busy,
    /// Something needed is not there now.
    Unavailable,
    /// Whether the change happened is not known; repeat with the same Idempotency-Key.
    InDoubt,
    /// A fault of ours.
    Internal,
    /// The caller's topology is stale (services only).
    Moved,
    /// A job that has nothing left to do (services only).
    JobOver,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 30] = [
        Self::Malformed,
        Self::InvalidInput,
        Self::BadCursor,
        Self::WeakPassword,
        Self::Unauthenticated,
        Self::BadCredentials,
        Self::WrongPassword,
        Self::Forbidden,
        Self::CrossSite,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::UnsupportedMediaType,
        Self::UnsupportedPicture,
        Self::EmailTaken,
        Self::IdempotencyInProgress,
        Self::PictureNotReady,
        Self::VersionMismatch,
        Self::BodyTooLarge,
        Self::TooManyPixels,
        Self::RangeNotSatisfiable,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Busy,
        Self::Unavailable,
        Self::InDoubt,
        Self::Internal,
        Self::Moved,
        Self::JobOver,
    ];

    /// The public name: `UPPER_SNAKE`, the `code` of a problem and the reason of a gRPC `ErrorInfo`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "MALFORMED",
            Self::InvalidInput => "INVALID_INPUT",
            Self::BadCursor => "BAD_CURSOR",
            Self::WeakPassword => "WEAK_PASSWORD",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::BadCredentials | Self::WrongPassword => "BAD_CREDENTIALS",
            Self::Forbidden => "FORBIDDEN",
            Self::CrossSite => "CROSS_SITE",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::UnsupportedPicture => "UNSUPPORTED_PICTURE",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::IdempotencyInProgress => "IDEMPOTENCY_IN_PROGRESS",
            Self::PictureNotReady => "PICTURE_NOT_READY",
            Self::VersionMismatch => "VERSION_MISMATCH",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::TooManyPixels => "TOO_MANY_PIXELS",
            Self::RangeNotSatisfiable => "RANGE_NOT_SATISFIABLE",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::RateLimited => "RATE_LIMITED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Busy => "BUSY",
            Self::Unavailable => "UNAVAILABLE",
            Self::InDoubt => "IN_DOUBT",
            Self::Internal => "INTERNAL",
            Self::Moved => "MOVED",
            Self::JobOver => "JOB_OVER",
        }
    }

    /// The HTTP status of a problem with this code.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed | Self::BadCursor => 400,
            Self::Unauthenticated | Self::BadCredentials => 401,
            Self::WrongPassword | Self::Forbidden | Self::CrossSite => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::EmailTaken | Self::IdempotencyInProgress | Self::PictureNotReady => 409,
            Self::VersionMismatch => 412,
            Self::BodyTooLarge | Self::TooManyPixels => 413,
            Self::UnsupportedMediaType | Self::UnsupportedPicture => 415,
            Self::RangeNotSatisfiable => 416,
            Self::InvalidInput | Self::WeakPassword | Self::IdempotencyKeyReused => 422,
            Self::RateLimited | Self::QuotaExceeded => 429,
            Self::Busy | Self::Unavailable | Self::InDoubt | Self::Moved => 503,
            Self::Internal | Self::JobOver => 500,
        }
    }
}

/// Where in a request an input error is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// JSON pointer into the body (RFC 6901), such as `/address/city`.
    Pointer(String),
    /// A query parameter.
    Parameter(String),
    /// A header.
    Header(String),
}

/// One input error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where.
    pub location: Location,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl FieldError {
    /// An error at a JSON pointer.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { location: Location::Pointer(pointer.into()), detail: detail.into() }
    }
}

/// What went wrong, in public words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The public code.
    pub code: Code,
    /// A sentence that says what to do. No internal text, no personal data.
    pub detail: String,
    /// For input errors: all of them.
    pub fields: Vec<FieldError>,
    /// When a repeat is worth trying, in seconds.
    pub retry_after_s: Option<u32>,
    /// For limits: the one that was met, as `RateLimit-Policy` says it, such as `"jobs";q=20`.
    pub policy: Option<String>,
    /// True where this is the recorded answer to an earlier, equal request.
    pub replayed: bool,
}

impl Error {
    /// An error with a code and a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after_s = match code {
            Code::Busy | Code::Unavailable | Code::InDoubt | Code::IdempotencyInProgress | Code::Moved => Some(1),
            _ => None,
        };
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after_s, policy: None, replayed: false }
    }

    /// `INVALID_INPUT` with all its field errors.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let mut error = Self::new(Code::InvalidInput, "Mend the fields named in errors and send the request again.");
        error.fields = fields;
        error
    }

    /// Adds a field error.
    #[must_use]
    pub fn field(mut self, location: Location, detail: impl Into<String>) -> Self {
        self.fields.push(FieldError { location, detail: detail.into() });
        self
    }

    /// Says when a repeat is worth trying.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Names the limit that was met, as `RateLimit-Policy` says it.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Marks the recorded answer to an earlier request.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.replayed = true;
        self
    }

    /// `NOT_FOUND` for a kind of thing, such as "user".
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}, or you may not know of it."))
    }

    /// `INTERNAL`. The cause belongs in the log where this is made, never in the answer.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "Something failed on our side. Try again; if it stays, report the traceId.")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}
