//! Counts and times the calls that a server answers, by method and code: what the tier of a service is watched by.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use tower::{Layer, Service};

/// `UNIMPLEMENTED`: of methods that nobody has, which would each make a series of their own.
const UNKNOWN: &str = "12";

/// Wraps every call.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeasureLayer;

impl<S> Layer<S> for MeasureLayer {
    type Service = MeasureService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeasureService { inner }
    }
}

/// See [`MeasureLayer`].
#[derive(Debug, Clone)]
pub(super) struct MeasureService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for MeasureService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (begun, method) = (Instant::now(), request.uri().path().to_owned());
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = call.await?;
            let code = code(answer.headers());
            let method = if code == UNKNOWN { "unknown".to_owned() } else { method };
            let labels = [("method", method), ("code", code.to_owned())];
            metrics::histogram!("grpc_server_call_duration_seconds", &labels).record(begun.elapsed());
            Ok(answer)
        })
    }
}

/// The code of a call that failed at once is in the headers; what is told after a body counts as 0.
fn code(headers: &HeaderMap) -> &str {
    headers.get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0")
}
