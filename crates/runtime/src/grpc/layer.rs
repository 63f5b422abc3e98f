//! Server side of the request context: metadata into the task-local and a span, so that every log line can be found by its request.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::context::{self, RequestContext};

/// Wraps every call.
#[derive(Debug, Clone, Copy)]
pub struct ContextLayer;

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService { inner }
    }
}

/// See [`ContextLayer`].
#[derive(Debug, Clone)]
pub struct ContextService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let incoming = RequestContext::from_metadata(request.headers());
        if incoming.request_id.is_empty() {
            return Box::pin(self.inner.call(request));
        }
        let span = crate::telemetry::span("grpc", request.uri().path(), &incoming);
        let call = span.in_scope(|| self.inner.call(request));
        Box::pin(context::scope(incoming, call.instrument(span)))
    }
}
