//! The one middleware: ids, method, acceptance, caller, access, limits, deadline, and afterwards headers, metrics and the log line.
//! It is one function and not a tower of layers, since every layer costs more than a cached answer.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use model::{Code, Error, UserId, time::now_ms};
use runtime::context::scope;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    accept::{self, Produces},
    access,
    app::Gateway,
    caller,
    consistency::{self, Seen},
    context::Ctx,
    cors,
    error::{Answer, Problem, render},
    limits,
    server::Peer,
    table::{Cost, Endpoint, Route},
    trace::Trace,
};

/// Longest request target; what is longer than the head may be is refused before.
const TARGET_MAX: usize = 8 * 1024;
/// What a handler may take beyond its deadlines, the body's and the calls'.
const BACKSTOP: Duration = Duration::from_millis(500);
/// A stream may last; calls made on its way still end.
const STREAM_DEADLINE: Duration = Duration::from_mins(15);

/// Answers a request to an endpoint, or to none.
pub async fn enter(
    app: Arc<Gateway>,
    endpoint: Option<&Endpoint>,
    params: Option<Vec<(String, String)>>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let trace = Trace::of(&parts.headers, app.config.trace_ratio);
    let template = endpoint.map_or("unmatched", |endpoint| endpoint.path);
    let log = Log { method: parts.method.clone(), template, started, user: OnceLock::new() };
    let (origin, instance) = (parts.headers.get(header::ORIGIN).cloned(), parts.uri.path().to_owned());
    let seen = Arc::new(Mutex::new(seen(&app, &parts.headers)));

    let work = scope(trace.context.clone(), decide(app.clone(), endpoint, params, parts, body, seen.clone(), &log));
    let work = AssertUnwindSafe(work).catch_unwind();
    let outcome = if trace.sampled {
        let span = runtime::telemetry::span("http", template, &trace.context);
        work.instrument(span).await
    } else {
        work.await
    };
    let answer = outcome.unwrap_or_else(|_| {
        tracing::error!(request.id = trace.context.request_id, trace.id = trace.trace_id, "a handler panicked");
        Err(Error::internal().into())
    });
    let good = answer.is_ok();
    let mut response = answer.unwrap_or_else(|mut problem| {
        limits::describe(&app.config.limits, &mut problem);
        render(problem, &app.config.problem_base, &instance, &trace.trace_id)
    });

    let out = response.headers_mut();
    if good && !log.method.is_safe() {
        let token = seen.lock().unwrap_or_else(PoisonError::into_inner).token();
        if let Some(token) = token {
            if let Some(cookie) = app.cookies.set_seen(&token) {
                out.append(header::SET_COOKIE, cookie);
            }
            if let Ok(token) = HeaderValue::from_str(&token) {
                out.insert(HeaderName::from_static(consistency::HEADER), token);
            }
        }
    }
    out.insert(header::SERVER, HeaderValue::from_static("myriad"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&trace.context.request_id) {
        out.insert(HeaderName::from_static("x-request-id"), id);
    }
    cors::allow(&app.config.cors_origins, origin.as_ref(), out);
    log.write(&response, &trace);
    response
}

/// The order of refusals: method, form, caller, site, access, limit; then the handler's own.
async fn decide(
    app: Arc<Gateway>,
    endpoint: Option<&Endpoint>,
    params: Option<Vec<(String, String)>>,
    parts: Parts,
    body: Body,
    seen: Arc<Mutex<Seen>>,
    log: &Log,
) -> Answer {
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > TARGET_MAX) {
        return Err(Problem::bare(StatusCode::URI_TOO_LONG));
    }
    let (Some(endpoint), Some(params)) = (endpoint, params) else {
        return Err(Problem::new(Code::NotFound, "There is nothing at this path. /v1/docs lists what there is."));
    };
    if parts.method == Method::OPTIONS {
        return Ok(options(endpoint, &app, &parts.headers));
    }
    let Some(route) = endpoint.route(&parts.method) else {
        let detail = format!("This path takes {}.", endpoint.allow);
        return Err(Problem::new(Code::MethodNotAllowed, detail).header(header::ALLOW, &endpoint.allow));
    };
    accept::check(&parts.headers, route.produces)?;

    let now_ms = now_ms();
    let patience =
        if route.cost == Cost::Stream { STREAM_DEADLINE } else { Duration::from_millis(app.config.deadline_ms) };
    let deadline = log.started + patience;
    let (method, by_page) = (parts.method.clone(), is_page(route, &parts.headers));
    let address = client_address(&app, &parts);
    let mut ctx = Ctx {
        app,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: Mutex::new(body),
        params,
        caller: None,
        address,
        deadline,
        now_ms,
        seen,
    };
    // Bodies and calls end by themselves at the deadline and know what to say; this ends whatever does not.
    let answered = tokio::time::timeout_at(deadline + patience + BACKSTOP, async {
        let mut stale = None;
        match identify(&mut ctx).await {
            Ok(()) => {}
            // A browser cannot take its dead cookie away: the page comes with the 401 that does.
            // Whole, too: a 304 would come as a 401 with nothing in it, which browsers show as their own error.
            Err(problem) if by_page && problem.headers.contains_key(header::SET_COOKIE) => {
                ctx.headers.remove(header::IF_NONE_MATCH);
                stale = Some(problem);
            }
            Err(problem) => return Err(problem),
        }
        if let Some(caller) = ctx.caller {
            let _ = log.user.set(caller.user);
        }
        access::check(&ctx, route).await?;
        let limit = if route.cost == Cost::SignIn { limits::take(&ctx).await? } else { None };
        let mut answer = (route.handler)(ctx).await;
        limits::accompany(&mut answer, limit.unwrap_or_default());
        let mut response = answer?;
        if let Some(problem) = stale {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response.headers_mut().extend(*problem.headers);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Ok(response)
    });
    answered.await.unwrap_or_else(|_| {
        Err(if method.is_safe() {
            Problem::new(Code::Unavailable, "No answer came in time. Try again.")
        } else {
            Problem::new(Code::InDoubt, "No answer came in time. Repeat the request with the same Idempotency-Key.")
        })
    })
}

/// Who calls. The MAC is checked before any I/O, the site before the session.
async fn identify(ctx: &mut Ctx) -> Result<(), Problem> {
    let cookies = ctx.app.cookies;
    let Some(credential) = caller::credential(&ctx.headers, &cookies)? else {
        return Ok(());
    };
    let by_cookie = credential.by_cookie;
    let clear = |error: Error| {
        let mut problem = Problem::from(error);
        if by_cookie && problem.error.code == Code::Unauthenticated {
            problem.headers.extend(cookies.clear_session().map(|cookie| (header::SET_COOKIE, cookie)));
        }
        problem
    };
    let verified = ctx.app.keys.verify(credential.token);
    let (user, session) = verified.map_err(|_| clear(caller::bad_token()))?;
    if by_cookie && !ctx.method.is_safe() && cors::is_cross_site(&ctx.headers, &ctx.app) {
        return Err(Problem::new(
            Code::CrossSite,
            "Writes with the cookie are taken from our own pages only. Use a bearer token.",
        ));
    }
    let checked = ctx.app.live.check(user, session, ctx.now_ms, ctx.patience(), caller::FRESH).await;
    let role = checked.map_err(clear)?;
    ctx.caller = Some(caller::Caller { user, session, role });
    Ok(())
}

fn options(endpoint: &Endpoint, app: &Gateway, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::from_str(&endpoint.allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    cors::preflight(&app.config.cors_origins, headers, &endpoint.allow, response.headers_mut());
    response
}

fn is_page(route: &Route, headers: &HeaderMap) -> bool {
    route.path == "/" && route.produces == Produces::JsonOrHtml && accept::prefers_html(headers)
}

fn seen(app: &Gateway, headers: &HeaderMap) -> Seen {
    let mut seen = Seen::default();
    let header = headers.get(consistency::HEADER).and_then(|value| value.to_str().ok());
    app.cookies.seen(headers).into_iter().chain(header).for_each(|token| seen.merge_token(token));
    seen
}

/// The peer, or what a trusted proxy says of it: the last address that is no proxy of ours.
fn client_address(app: &Gateway, parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical());
    let is_proxy = |address: IpAddr| app.config.proxies.iter().any(|network| network.contains(address));
    if !is_proxy(peer) {
        return peer;
    }
    let lines = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let listed: Vec<IpAddr> =
        lines.flat_map(|line| line.split(',')).filter_map(|text| text.trim().parse().ok()).collect();
    listed.into_iter().rev().find(|address| !is_proxy(*address)).unwrap_or(peer)
}

/// What is written down of a request.
struct Log {
    method: Method,
    template: &'static str,
    started: Instant,
    user: OnceLock<UserId>,
}

impl Log {
    fn write(&self, response: &Response<Body>, trace: &Trace) {
        let taken = self.started.elapsed();
        let status = response.status().as_u16();
        let labels =
            [("method", self.method.to_string()), ("route", self.template.to_owned()), ("status", status.to_string())];
        metrics::histogram!("http_server_request_duration_seconds", &labels).record(taken);
        tracing::info!(
            target: "access",
            {
                http.method = self.method.as_str(),
                http.route = self.template,
                http.status = status,
                duration_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
                request.id = trace.context.request_id,
                trace.id = trace.trace_id,
                user.id = self.user.get().map(|user| user.get()),
            },
            "request"
        );
    }
}
