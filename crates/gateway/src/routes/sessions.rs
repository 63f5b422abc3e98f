//! Sessions: sign-in, list, sign-out.

use axum::body::Body;
use http::{HeaderValue, Response, header};

pub mod create;
pub mod end;
pub mod list;

/// Answers about sessions are kept by nobody.
fn no_store(response: &mut Response<Body>) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
