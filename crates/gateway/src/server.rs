//! The accept loop: our own, since `axum::serve` has no timeouts, no cap and no say about framing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use runtime::shutdown::Shutdown;
use tokio::{net::TcpListener, sync::Semaphore};

pub mod body;
pub mod connection;
pub mod framing;
pub mod guard;
pub mod progress;

/// The other end of the connection, put into every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the first byte of a head to its last; also from connecting to the first byte.
    pub head: Duration,
    /// Between two pieces of a body.
    pub body: Duration,
    /// For a whole body.
    pub upload: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For the client to take more of its answer.
    pub write: Duration,
}

/// Descriptors that are not for connections: files, engines, other sockets.
const DESCRIPTORS_KEPT: usize = 256;

/// The most connections: the setting, or what the process's limit on open files leaves.
pub fn connection_cap(setting: usize) -> usize {
    let limit = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("Max open files"))?;
        line.split_whitespace().nth(3)?.parse::<usize>().ok()
    });
    limit.map_or(setting, |limit| setting.min(limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 2)))
}

/// Accepts connections until the soft shutdown; each is a tracked task that then finishes what it has begun.
///
/// At the cap no more are accepted: they wait in the kernel's backlog.
pub async fn accept(listener: TcpListener, router: Router, timeouts: Timeouts, connections: usize, shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(connections));
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit,
            () = shutdown.soft.cancelled() => return,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.soft.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "a connection ended before it began");
                    continue;
                }
                metrics::gauge!("gateway_connections").increment(1.0);
                let (router, own) = (router.clone(), shutdown.clone());
                shutdown.tasks.spawn(async move {
                    connection::serve(socket, peer, router, timeouts, own).await;
                    metrics::gauge!("gateway_connections").decrement(1.0);
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Out of descriptors or memory: trying again at once would spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
