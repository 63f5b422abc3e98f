//! Other origins: writes by cookie are refused to them, and the API is closed to their pages but for an allowlist.

use http::{HeaderMap, HeaderValue, header};

use crate::app::Gateway;

/// Whether a browser says that a request comes from a page of another site or origin.
pub fn is_cross_site(headers: &HeaderMap, app: &Gateway) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| site.eq_ignore_ascii_case("cross-site")) {
        return true;
    }
    let Some(origin) = text("origin") else { return false };
    let host = text("host").unwrap_or_default();
    // Where no public address is set, TLS may end at a proxy: then the scheme is not known here.
    let scheme = app.config.public_url.split_once("://").map(|(scheme, _)| scheme);
    let own = origin.split_once("://").is_some_and(|(sent, authority)| {
        let same_scheme = scheme.is_none_or(|scheme| sent.eq_ignore_ascii_case(scheme));
        same_scheme && !authority.is_empty() && authority.eq_ignore_ascii_case(host)
    });
    !own && origin != app.public_url && !app.config.cors_origins.iter().any(|allowed| allowed == origin)
}

/// Lets a page of an allowed origin read the answer. Cookies are never part of it.
pub fn allow(allowed: &[String], origin: Option<&HeaderValue>, out: &mut HeaderMap) {
    if allowed.is_empty() {
        return;
    }
    out.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|origin| allowed.iter().any(|one| one.as_bytes() == origin.as_bytes())) {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, X-Consistency-Token, Idempotency-Replayed";
        out.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }
}

/// Answers the question a browser asks before it sends what is not simple.
pub fn preflight(allowed: &[String], headers: &HeaderMap, methods: &str, out: &mut HeaderMap) {
    let from_allowed =
        headers.get(header::ORIGIN).is_some_and(|origin| allowed.iter().any(|one| one.as_bytes() == origin.as_bytes()));
    if !from_allowed || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return;
    }
    if let Ok(methods) = HeaderValue::from_str(methods) {
        out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    let taken = "authorization, content-type, idempotency-key, if-match, if-none-match, range, traceparent, x-consistency-token, x-request-id";
    out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(taken));
    out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
