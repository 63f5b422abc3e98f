//! Words for calls of what is not served: tonic answers them with a bare code.

use http::{HeaderName, HeaderValue, Response};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `UNIMPLEMENTED`
const UNKNOWN: &str = "12";
/// In the encoding of gRPC's messages, which leaves these characters as they are.
const WORDS: &str =
    "There is no such method here. `grpcurl ADDRESS list` names the services, `describe` their methods.";

/// Adds the words where there are none.
pub(super) fn explained<B>(mut answer: Response<B>) -> Response<B> {
    let headers = answer.headers_mut();
    if headers.get(STATUS).is_some_and(|status| status == UNKNOWN) && !headers.contains_key(MESSAGE) {
        headers.insert(MESSAGE, HeaderValue::from_static(WORDS));
    }
    answer
}
