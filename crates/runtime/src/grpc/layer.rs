//! Server side of the request context: metadata into the task-local and a span, so that every log line can be found by its request;
//! and the caller's deadline, kept and passed on.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tower::{Layer, Service};
use tracing::Instrument;

use super::{client::is_read, deadline};
use crate::context::{self, RequestContext};

/// Wraps every call.
#[derive(Debug, Clone, Copy)]
pub struct ContextLayer {
    /// Whether calls that change something leave a line in the log, so that a request is found in every process it reached. In one
    /// process the edge's line is enough.
    pub logs: bool,
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService { inner, logs: self.logs }
    }
}

/// See [`ContextLayer`].
#[derive(Debug, Clone)]
pub struct ContextService<S> {
    inner: S,
    logs: bool,
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let deadline = deadline::of(request.headers());
        let incoming = RequestContext::from_metadata(request.headers());
        let call: Self::Future = if incoming.request_id.is_empty() {
            Box::pin(self.inner.call(request))
        } else {
            let path = request.uri().path();
            let span = crate::telemetry::span("grpc", path, &incoming);
            let logged = (self.logs && !is_read(path)).then(|| path.to_owned());
            let call = span.in_scope(|| self.inner.call(request));
            Box::pin(context::scope(incoming, served(call, logged).instrument(span)))
        };
        let Some(at) = deadline else { return call };
        Box::pin(async move {
            // Tonic ends the call at the same moment, but with CANCELLED.
            let late = |_| Ok(Status::deadline_exceeded("no answer in time").into_http());
            tokio::time::timeout_at(at, context::until(at, call)).await.unwrap_or_else(late)
        })
    }
}

/// Waits for a call and, where its path is given, says in the log that it was served.
async fn served<T>(call: impl Future<Output = T>, path: Option<String>) -> T {
    let begun = Instant::now();
    let answer = call.await;
    if let Some(path) = path {
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(rpc.method = path, duration_ms, "served");
    }
    answer
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_call_is_ended_at_its_deadline_and_told_so() {
        let hangs = service_fn(|_: Request<()>| std::future::pending::<Result<Response<tonic::body::Body>, ()>>());
        let request = Request::builder().header("grpc-timeout", "20m").body(()).unwrap();
        let answer = ContextLayer { logs: false }.layer(hangs).oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "4");
    }
}
