//! The operators' port: `/livez`, `/readyz`, `/metrics`, and whatever operators' calls a process adds (HTTP or gRPC).

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::{ready::Readiness, shutdown::Shutdown};

#[derive(Clone)]
struct OpsState {
    ready: Readiness,
    metrics: PrometheusHandle,
    shutdown: Shutdown,
}

/// The routes every process has.
pub fn router(ready: Readiness, metrics: PrometheusHandle, shutdown: Shutdown) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(OpsState { ready, metrics, shutdown })
}

async fn readyz(State(state): State<OpsState>) -> Response {
    if state.shutdown.soft.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    let waiting = state.ready.waiting_for();
    if waiting.is_empty() {
        return "ok\n".into_response();
    }
    let lines: Vec<String> = waiting.iter().map(|(gate, reason)| format!("{gate}: {reason}")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n") + "\n").into_response()
}

async fn render(State(state): State<OpsState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render()).into_response()
}

/// Operators' calls of a process that is still being built: 503 until they are there. Health is answered meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Later(Arc<OnceLock<Router>>);

impl Later {
    /// They are there. The first time counts.
    pub fn set(&self, router: Router) {
        let _ = self.0.set(router);
    }

    /// Takes whatever no other route does.
    pub fn routes(&self) -> Router {
        let later = self.clone();
        Router::new().fallback(async move |request: Request| match later.0.get() {
            Some(router) => router.clone().oneshot(request).await.into_response(),
            None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
        })
    }
}

/// Serves HTTP/1.1 and gRPC on one port. Stays until the very end: health must be answered while the rest drains.
pub fn serve(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    shutdown.spawn_base(async move {
        let service = TowerToHyperService::new(router);
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a connection to the operators' port was not accepted"
                    );
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
            // Not tracked: an open scrape connection must not hold up the end.
            #[expect(clippy::disallowed_methods, reason = "ends with its client or with the process")]
            tokio::spawn(async move {
                let _ = connection.await;
            });
        }
    });
}
