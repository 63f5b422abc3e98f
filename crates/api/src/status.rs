//! `model::Error` ↔ `tonic::Status` with `google.rpc` details: the only place where the two meet.

use std::{collections::HashMap, time::Duration};

use model::{Code, Error, FieldError, Location};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

/// What the details of a status are made of (`google.rpc`), for reflection: so that who calls by hand can read them.
pub use tonic_types::pb::FILE_DESCRIPTOR_SET as DETAILS_DESCRIPTOR_SET;

/// Domain of every `ErrorInfo`.
pub const DOMAIN: &str = "myriad";
const REPLAYED: &str = "replayed";
const POLICY: &str = "policy";

/// The gRPC code that goes with a public code.
pub const fn grpc_code(code: Code) -> tonic::Code {
    match code {
        Code::Malformed
        | Code::InvalidInput
        | Code::BadCursor
        | Code::WeakPassword
        | Code::NotAcceptable
        | Code::UnsupportedMediaType
        | Code::UnsupportedPicture
        | Code::BodyTooLarge
        | Code::TooManyPixels => tonic::Code::InvalidArgument,
        Code::RangeNotSatisfiable => tonic::Code::OutOfRange,
        Code::Unauthenticated | Code::BadCredentials => tonic::Code::Unauthenticated,
        Code::WrongPassword | Code::Forbidden | Code::CrossSite => tonic::Code::PermissionDenied,
        Code::NotFound => tonic::Code::NotFound,
        Code::MethodNotAllowed => tonic::Code::Unimplemented,
        Code::EmailTaken => tonic::Code::AlreadyExists,
        Code::IdempotencyInProgress => tonic::Code::Aborted,
        Code::PictureNotReady | Code::VersionMismatch | Code::IdempotencyKeyReused | Code::Moved | Code::JobOver => {
            tonic::Code::FailedPrecondition
        }
        Code::RateLimited | Code::QuotaExceeded | Code::Busy => tonic::Code::ResourceExhausted,
        Code::Unavailable => tonic::Code::Unavailable,
        Code::InDoubt => tonic::Code::Unknown,
        Code::Internal => tonic::Code::Internal,
    }
}

/// The error as a gRPC status: `ErrorInfo` (reason, domain), `BadRequest` for fields, `RetryInfo` where a repeat helps.
pub fn to_status(error: Error) -> Status {
    let mut metadata = HashMap::new();
    if error.replayed {
        metadata.insert(REPLAYED.to_owned(), "true".to_owned());
    }
    metadata.extend(error.policy.map(|policy| (POLICY.to_owned(), policy)));
    let mut details = ErrorDetails::with_error_info(error.code.as_str(), DOMAIN, metadata);
    for field in &error.fields {
        details.add_bad_request_violation(location_to_text(&field.location), field.detail.clone());
    }
    if let Some(seconds) = error.retry_after_s {
        details.set_retry_info(Some(Duration::from_secs(seconds.into())));
    }
    Status::with_error_details(grpc_code(error.code), error.detail, details)
}

/// The error that a status tells of. A status that is not one of ours becomes `UNAVAILABLE`, `IN_DOUBT` or `INTERNAL`.
pub fn from_status(status: &Status) -> Error {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let Some((info, code)) = info.and_then(|info| Some((info, code_of(&info.reason, status.code())?))) else {
        return foreign(status);
    };
    let mut error = Error::new(code, status.message());
    error.replayed = info.metadata.contains_key(REPLAYED);
    error.policy = info.metadata.get(POLICY).cloned();
    error.retry_after_s = details
        .retry_info()
        .and_then(|retry| retry.retry_delay)
        .map(|delay| u32::try_from(delay.as_secs().max(1)).unwrap_or(u32::MAX));
    if let Some(bad) = details.bad_request() {
        error.fields = bad
            .field_violations
            .iter()
            .map(|violation| FieldError {
                location: location_from_text(&violation.field),
                detail: violation.description.clone(),
            })
            .collect();
    }
    error
}

/// Two codes share one public name; the gRPC code tells them apart.
fn code_of(reason: &str, grpc: tonic::Code) -> Option<Code> {
    Code::ALL
        .into_iter()
        .find(|code| code.as_str() == reason && grpc_code(*code) == grpc)
        .or_else(|| Code::ALL.into_iter().find(|code| code.as_str() == reason))
}

fn foreign(status: &Status) -> Error {
    tracing::warn!(grpc.code = ?status.code(), grpc.message = status.message(), "a status that is not ours");
    match status.code() {
        tonic::Code::Unavailable | tonic::Code::ResourceExhausted => {
            Error::new(Code::Unavailable, "A part of the service cannot be reached now. Try again.")
        }
        tonic::Code::DeadlineExceeded | tonic::Code::Cancelled | tonic::Code::Unknown => {
            Error::new(Code::InDoubt, "No answer came in time. Repeat the request with the same Idempotency-Key.")
        }
        tonic::Code::InvalidArgument | tonic::Code::OutOfRange => {
            Error::new(Code::InvalidInput, "The request was not understood.")
        }
        _ => Error::internal(),
    }
}

fn location_to_text(location: &Location) -> String {
    match location {
        Location::Pointer(pointer) => pointer.clone(),
        Location::Parameter(name) => format!("parameter:{name}"),
        Location::Header(name) => format!("header:{name}"),
    }
}

fn location_from_text(text: &str) -> Location {
    if let Some(name) = text.strip_prefix("parameter:") {
        Location::Parameter(name.to_owned())
    } else if let Some(name) = text.strip_prefix("header:") {
        Location::Header(name.to_owned())
    } else {
        Location::Pointer(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_round_trip() {
        for code in Code::ALL {
            let error = Error::new(code, "what to do")
                .field(Location::Pointer("/a/0".into()), "wrong")
                .policy("\"jobs\";q=20")
                .replayed();
            assert_eq!(from_status(&to_status(error.clone())), error);
        }
    }

    #[test]
    fn a_foreign_status_keeps_its_text_to_itself() {
        let error = from_status(&Status::internal("password=hunter2"));
        assert_eq!(error.code, Code::Internal);
        assert!(!error.detail.contains("hunter2"));
        assert_eq!(from_status(&Status::unavailable("x")).code, Code::Unavailable);
        assert_eq!(from_status(&Status::deadline_exceeded("x")).code, Code::InDoubt);
    }
}
