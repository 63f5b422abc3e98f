//! The headers of limits: this process's own by address, and those that services keep.

use http::{HeaderMap, HeaderName, HeaderValue};
use model::{Code, Error};

use crate::{
    config::Limits,
    context::Ctx,
    error::{Answer, Problem},
    ratelimit::Limiter,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Takes one from the caller's address. The headers that go with the answer, or `RATE_LIMITED`.
pub async fn take(ctx: &Ctx) -> Result<Option<HeaderMap>, Problem> {
    if ctx.app.config.limits.trusted.iter().any(|network| network.contains(ctx.address)) {
        return Ok(None);
    }
    let limiter = &ctx.app.limiter;
    let standing = limiter.take(ctx.address, ctx.now_ms).await;
    let mut headers = HeaderMap::new();
    headers.extend(limiter.policy().map(|value| (POLICY, value)));
    headers.extend(Limiter::state(standing).map(|value| (STATE, value)));
    if standing.allowed {
        return Ok(Some(headers));
    }
    let detail =
        format!("Too many sign-ins and sign-ups from this address. Try again in {} s.", standing.retry_after_s);
    let mut problem = Problem::from(Error::new(Code::RateLimited, detail).retry_after(standing.retry_after_s));
    *problem.headers = headers;
    Err(problem)
}

/// Sends the headers of a limit with what it let through, whatever came of that; a 429 is about a limit of its own.
pub fn accompany(answer: &mut Answer, limit: HeaderMap) {
    match answer {
        Ok(response) => response.headers_mut().extend(limit),
        Err(problem) if is_limit(problem) => {}
        Err(problem) => problem.headers.extend(limit),
    }
}

/// Gives a 429 of a service the headers that every 429 has.
pub fn describe(limits: &Limits, problem: &mut Problem) {
    if !is_limit(problem) {
        return;
    }
    let wait = *problem.error.retry_after_s.get_or_insert(60);
    if problem.headers.contains_key(&STATE) {
        return;
    }
    let account = || format!("\"account\";q={};w=3600", limits.wrong_passwords_per_hour);
    let policy = problem.error.policy.take().unwrap_or_else(account);
    let name = policy.split(';').next().unwrap_or_default();
    let state = format!("{name};r=0;t={wait}");
    for (key, text) in [(POLICY, policy.as_str()), (STATE, state.as_str())] {
        if let Ok(value) = HeaderValue::from_str(text) {
            problem.headers.insert(key, value);
        }
    }
}

const fn is_limit(problem: &Problem) -> bool {
    matches!(problem.error.code, Code::RateLimited | Code::QuotaExceeded)
}
