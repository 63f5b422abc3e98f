//! gRPC between services. Serving: health v1, reflection v1 and v1alpha, request context, deadlines, the services' key, bounded
//! connections; over TCP or in memory. Calling: [`Client`], over as many addresses as a service has.

mod backend;
mod budget;
mod client;
mod deadline;
mod dice;
mod failure;
mod guard;
mod key;
mod layer;
mod measure;
mod payload;
mod pool;
mod target;
mod tuning;
mod unknown;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{
    service::Routes,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tower::util::MapResponseLayer;

pub use client::{Client, connect, connect_tuned};
pub use key::{CALLER, ServiceKey};
pub use tuning::{Resolver, Tuning};

use crate::{ready::Readiness, shutdown::Shutdown};

const HEALTH: &str = "grpc.health.v1.Health";
/// The largest request message that a service takes: metadata of pictures and profiles, never a picture. For every server's
/// `max_decoding_message_size`; what is larger is answered `OUT_OF_RANGE`.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Streams a connection may have open at once.
const STREAMS_PER_CONNECTION: u32 = 1024;
/// Metadata of a call, at most.
const METADATA_BYTES: u32 = 32 * 1024;
/// After about this long a connection is replaced.
const CONNECTION_AGE: Duration = Duration::from_mins(5);
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
                biased;
                changed = watch.changed() => if changed.is_err() { return },
                () = soft.cancelled() => {}
            }
        }
    });
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(api::status::DETAILS_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        listed.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let routes =
        services.add_service(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    Ok(Routes::from(routes.into_axum_router().layer(MapResponseLayer::new(unknown::explained))).prepare())
}

fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(METADATA_BYTES)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
}

/// Serves over TCP until the soft signal, then lets running calls end. A tracked task.
///
/// With a `key` every call must show it, but for health and reflection. Without one only loopback may be listened on.
///
/// # Errors
/// Where others than this machine could call and there is no key.
pub fn serve(routes: Routes, listener: TcpListener, key: &ServiceKey, shutdown: &Shutdown) -> Result<()> {
    keyed_or_local(key, listener.local_addr().context("the gRPC listener has no address")?)?;
    let soft = shutdown.soft.clone();
    let guard = guard::GuardLayer::new(key);
    // serve_with_incoming leaves Nagle's algorithm on unless told here.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    shutdown.spawn(async move {
        // An old connection would pin its client to this process; a client that redials spreads its calls again. Each process has an
        // age of its own, so that those started together do not send their clients away together.
        let served = server()
            .max_connection_age(dice::around(CONNECTION_AGE))
            .layer(guard)
            // Within the guard, which counts for itself: a stranger's paths would each make a series of their own.
            .layer(measure::MeasureLayer)
            .layer(layer::ContextLayer { logs: true })
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, soft.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(error = &error as &dyn std::error::Error, "the gRPC server failed");
        }
    });
    Ok(())
}

/// Routes that ask for the key where they are served by other means, such as operators' calls beside health and metrics at `address`.
///
/// # Errors
/// As [`serve`].
pub fn guarded(routes: Routes, key: &ServiceKey, address: SocketAddr) -> Result<Routes> {
    keyed_or_local(key, address)?;
    Ok(Routes::from(routes.into_axum_router().layer(guard::GuardLayer::new(key))))
}

fn keyed_or_local(key: &ServiceKey, address: SocketAddr) -> Result<()> {
    ensure!(
        key.is_set() || address.ip().is_loopback(),
        "gRPC on {address} could be called by other machines: set service_key (alike in all services), or listen on 127.0.0.1"
    );
    Ok(())
}

/// Serves in memory and returns the client that reaches it: the same server and the same generated clients, no socket.
pub fn embedded(routes: Routes, shutdown: &Shutdown) -> Client {
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
    Client::embedded(Endpoint::from_static("http://embedded").connect_with_connector_lazy(connector))
}

async fn serve_embedded(routes: Routes, incoming: impl Stream<Item = std::io::Result<tokio::io::DuplexStream>> + Send) {
    let served =
        server().layer(layer::ContextLayer { logs: false }).add_routes(routes).serve_with_incoming(incoming).await;
    if let Err(error) = served {
        tracing::error!(error = &error as &dyn std::error::Error, "the in-memory gRPC server failed");
    }
}
