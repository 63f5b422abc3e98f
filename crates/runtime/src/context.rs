//! What travels with a request through every process: its id and its trace.
//!
//! A task-local carries it within a process, gRPC metadata between processes, the job between queue and worker.

use std::future::Future;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Metadata key and HTTP header of the request id.
pub const REQUEST_ID: &str = "x-request-id";
/// Metadata key and HTTP header of the trace context (W3C).
pub const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static CURRENT: RequestContext;
    static DEADLINE: Instant;
}

/// A request's id and trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// `[A-Za-z0-9._:-]{1,128}`.
    pub request_id: String,
    /// W3C trace context, `00-<trace>-<span>-<flags>`.
    pub traceparent: String,
}

impl RequestContext {
    /// Reads the metadata of an incoming call.
    pub fn from_metadata(metadata: &http::HeaderMap) -> Self {
        let text = |key| metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Self { request_id: text(REQUEST_ID), traceparent: text(TRACEPARENT) }
    }

    /// The trace id, if there is a valid one: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        trace_id(&self.traceparent)
    }
}

/// The trace id of a valid `traceparent` (W3C Trace Context, version 00 or a later one read as 00).
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let valid = hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    (known && valid && !zero(trace) && !zero(span)).then_some(trace)
}

/// Runs `work` as part of a request.
pub async fn scope<F: Future>(context: RequestContext, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// The request this task works for, if any.
pub fn current() -> Option<RequestContext> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `work` as part of a call that must be answered by `deadline`: calls it makes through [`crate::grpc::Client`] end no later.
pub async fn until<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(deadline, work).await
}

/// When the call this task works for must be answered, if it has a deadline.
pub fn deadline() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// Writes the current request's id and trace into the metadata of an outgoing call.
pub fn inject(metadata: &mut MetadataMap) {
    let Some(context) = current() else { return };
    let traceparent = crate::telemetry::current_traceparent().unwrap_or(context.traceparent);
    for (key, value) in [(REQUEST_ID, context.request_id), (TRACEPARENT, traceparent)] {
        if let Ok(value) = value.parse()
            && !metadata.contains_key(key)
        {
            metadata.insert(key, value);
        }
    }
}

/// A request with the current context in its metadata and, where given, a deadline as `grpc-timeout`.
pub fn request<T>(message: T, deadline: Option<std::time::Duration>) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    inject(request.metadata_mut());
    if let Some(deadline) = deadline {
        request.set_timeout(deadline);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_traceparent_has_a_trace_id() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(good), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(trace_id(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn an_outgoing_call_carries_the_request() {
        let context = RequestContext { request_id: "r1".into(), traceparent: "t".into() };
        let request = scope(context, async { request((), None) }).await;
        assert_eq!(request.metadata().get(REQUEST_ID).unwrap(), "r1");
        assert!(super::request((), None).metadata().get(REQUEST_ID).is_none());
    }
}
