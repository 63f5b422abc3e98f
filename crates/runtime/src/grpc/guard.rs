//! Refuses calls that do not show the services' key. Health and reflection stay open: they tell nothing about users.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures::future::{Either, Ready, ready};
use http::{Request, Response};
use tonic::Status;
use tower::{Layer, Service};

use super::key::{self, CALLER, ServiceKey};

const OPEN: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];
/// Of so many refusals one is logged.
const LOGGED_OF: u64 = 1000;

/// Wraps every call. Lets all through where there is no key.
#[derive(Debug, Clone)]
pub(super) struct GuardLayer(Arc<Guard>);

#[derive(Debug)]
struct Guard {
    keys: Vec<blake3::Hash>,
    refused: AtomicU64,
}

impl GuardLayer {
    pub fn new(key: &ServiceKey) -> Self {
        Self(Arc::new(Guard { keys: key.hashes(), refused: AtomicU64::new(0) }))
    }
}

impl Guard {
    fn refuse<B>(&self, request: &Request<B>) -> Option<Status> {
        let path = request.uri().path();
        if self.keys.is_empty() || OPEN.iter().any(|open| path.starts_with(open)) {
            return None;
        }
        let shown = key::shown(request.headers());
        // Each is compared, and each in constant time.
        let known = shown.is_some_and(|shown| self.keys.iter().fold(false, |known, key| (*key == shown) | known));
        if known {
            return None;
        }
        metrics::counter!("myriad_grpc_calls_refused_total").increment(1);
        if self.refused.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOGGED_OF) {
            let caller = request.headers().get(CALLER).and_then(|name| name.to_str().ok()).unwrap_or("");
            tracing::warn!(rpc.method = path, rpc.caller = caller, "a call without the services' key was refused");
        }
        Some(Status::unauthenticated(if shown.is_some() {
            "The key is not that of this service: set service_key alike everywhere."
        } else {
            "Services show their key: send the metadata `authorization: Bearer <service_key>`."
        }))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, guard: self.0.clone() }
    }
}

/// See [`GuardLayer`].
#[derive(Debug, Clone)]
pub(super) struct GuardService<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.guard.refuse(&request) {
            Some(status) => Either::Right(ready(Ok(status.into_http()))),
            None => Either::Left(self.inner.call(request)),
        }
    }
}
