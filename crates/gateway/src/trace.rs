//! A request's id and trace, decided once at the edge.

use http::HeaderMap;
use runtime::context::{REQUEST_ID, RequestContext, TRACEPARENT, trace_id};
use uuid::Uuid;

/// Ids of one request.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Goes to the services with every call.
    pub context: RequestContext,
    /// 32 hexadecimal digits, shown in problems.
    pub trace_id: String,
    /// Whether a span is made. Decided before there is one: a span costs more than a cached answer.
    pub sampled: bool,
}

impl Trace {
    /// Honours a valid `traceparent` and a well-formed `X-Request-Id`; makes what is missing. `ratio` of new traces are sampled.
    pub fn of(headers: &HeaderMap, ratio: f64) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = text(TRACEPARENT).and_then(|parent| Some((parent, trace_id(parent)?)));
        let fresh = Uuid::new_v4();
        let (trace_id, sampled, traceparent) = if let Some((parent, trace)) = parent {
            (trace.to_owned(), flagged(parent), parent.to_owned())
        } else {
            let trace = fresh.simple().to_string();
            let sampled = chosen(fresh, ratio);
            let span = &trace[16..];
            let traceparent = format!("00-{trace}-{span}-0{}", u8::from(sampled));
            (trace, sampled, traceparent)
        };
        let request_id =
            text(REQUEST_ID).filter(|id| is_request_id(id)).map_or_else(|| fresh.simple().to_string(), str::to_owned);
        Self { context: RequestContext { request_id, traceparent }, trace_id, sampled }
    }
}

/// `[A-Za-z0-9._:-]{1,128}`.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// The sampled flag of a valid traceparent.
fn flagged(traceparent: &str) -> bool {
    let flags = traceparent.split('-').nth(3).and_then(|flags| u8::from_str_radix(flags, 16).ok());
    flags.is_some_and(|flags| flags & 1 == 1)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
fn chosen(random: Uuid, ratio: f64) -> bool {
    ratio > 0.0 && (random.as_u64_pair().1 & 0xffff_ffff) as f64 / 4_294_967_296.0 < ratio
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: &'static str, value: &'static str) -> Trace {
        Trace::of(&HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))]), 0.0)
    }

    #[test]
    fn a_well_formed_request_id_is_kept() {
        assert_eq!(with(REQUEST_ID, "a.B:9_-").context.request_id, "a.B:9_-");
        for wrong in ["", "a b", "a/b", "\"", "{x}"] {
            let id = with(REQUEST_ID, wrong).context.request_id;
            assert!(id != wrong && is_request_id(&id));
        }
    }

    #[test]
    fn a_valid_traceparent_is_honoured() {
        let trace = with(TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.sampled);
        let trace = with(TRACEPARENT, "00-0-0-01");
        assert!(!trace.sampled);
        assert_eq!(trace_id(&trace.context.traceparent), Some(trace.trace_id.as_str()));
        assert!(Trace::of(&HeaderMap::new(), 1.0).sampled);
    }
}
