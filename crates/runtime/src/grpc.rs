//! gRPC serving: health v1, reflection v1 and v1alpha, request context, bounded connections; over TCP or in memory.

mod layer;

use std::time::Duration;

use anyhow::Result;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};

use crate::{ready::Readiness, shutdown::Shutdown};

const HEALTH: &str = "grpc.health.v1.Health";
/// Streams a connection may have open at once.
const STREAMS_PER_CONNECTION: u32 = 1024;
/// In-memory connections that may wait to be taken, and each direction's buffer.
const EMBEDDED_BACKLOG: usize = 16;
const EMBEDDED_BUFFER_BYTES: usize = 64 * 1024;

/// Adds health and reflection to a process's services.
///
/// `names` are the full names of the services (`myriad.user.v1.UserService`); their health follows the readiness, which is
/// watched by a task of the shutdown.
///
/// # Errors
/// Where the descriptor set cannot be read, which a test excludes.
pub fn routes(services: Routes, names: &[&'static str], ready: &Readiness, shutdown: &Shutdown) -> Result<Routes> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let mut watch = ready.watch();
    let names: Vec<&'static str> = names.iter().copied().chain([""]).collect();
    // Only what is served here is listed.
    let listed: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).chain([HEALTH]).collect();
    let soft = shutdown.soft.clone();
    shutdown.spawn(async move {
        loop {
            let serving = *watch.borrow_and_update() && !soft.is_cancelled();
            let status =
                if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
            for name in &names {
                reporter.set_service_status(*name, status).await;
            }
            if soft.is_cancelled() {
                return;
            }
            tokio::select! {
                changed = watch.changed() => if changed.is_err() { return },
                () = soft.cancelled() => {}
            }
        }
    });
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        listed.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    Ok(services
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .prepare())
}

fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
}

/// Serves over TCP until the soft signal, then lets running calls end. A tracked task.
pub fn serve(routes: Routes, listener: TcpListener, shutdown: &Shutdown) {
    let soft = shutdown.soft.clone();
    // serve_with_incoming leaves Nagle's algorithm on unless told here.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    shutdown.spawn(async move {
        // An old connection would pin its client to this process; a client that redials spreads its calls again.
        let served = server()
            .max_connection_age(Duration::from_mins(5))
            .layer(layer::ContextLayer)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, soft.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(error = &error as &dyn std::error::Error, "the gRPC server failed");
        }
    });
}

/// Serves in memory and returns the channel that reaches it: the same server and the same generated clients, no socket.
pub fn embedded(routes: Routes, shutdown: &Shutdown) -> Channel {
    let (dial, accept) = tokio::sync::mpsc::channel::<tokio::io::DuplexStream>(EMBEDDED_BACKLOG);
    // Callers in the same process drain after the soft signal too, so this server stays until the hard one.
    shutdown.spawn_base(serve_embedded(routes, ReceiverStream::new(accept).map(Ok)));
    let connector = tower::service_fn(move |_: http::Uri| {
        let dial = dial.clone();
        async move {
            let (here, there) = tokio::io::duplex(EMBEDDED_BUFFER_BYTES);
            dial.send(there).await.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
            Ok::<_, std::io::Error>(TokioIo::new(here))
        }
    });
    Endpoint::from_static("http://embedded").connect_with_connector_lazy(connector)
}

async fn serve_embedded(routes: Routes, incoming: impl Stream<Item = std::io::Result<tokio::io::DuplexStream>> + Send) {
    let served = server().layer(layer::ContextLayer).add_routes(routes).serve_with_incoming(incoming).await;
    if let Err(error) = served {
        tracing::error!(error = &error as &dyn std::error::Error, "the in-memory gRPC server failed");
    }
}

/// A channel to a service at `address` (`http://host:port`), connected when first used.
///
/// # Errors
/// Where the address is no URI.
pub fn connect(address: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(1))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_lazy())
}
