//! The client's times, and how names become addresses.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;

/// The addresses of a host and port.
pub type Resolver = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// How a client looks after its servers; the defaults are for production, others for tests.
#[derive(Clone)]
pub struct Tuning {
    /// Names are resolved again this often.
    pub resolve_every: Duration,
    /// Health is asked for this often.
    pub probe_every: Duration,
    /// A server that does not answer within this is left alone.
    pub probe_patience: Duration,
    /// Longest time for one attempt to connect, and for a call to wait for somebody to be connected.
    pub connect_patience: Duration,
    /// How names become addresses.
    pub resolver: Resolver,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            resolve_every: Duration::from_secs(5),
            // Together with the patience below two seconds: how long a silent server keeps its calls.
            probe_every: Duration::from_millis(750),
            probe_patience: Duration::from_millis(900),
            connect_patience: Duration::from_secs(1),
            resolver: Arc::new(|host, port| Box::pin(system(host, port))),
        }
    }
}

impl fmt::Debug for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuning")
            .field("resolve_every", &self.resolve_every)
            .field("probe_every", &self.probe_every)
            .field("probe_patience", &self.probe_patience)
            .field("connect_patience", &self.connect_patience)
            .finish_non_exhaustive()
    }
}

async fn system(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}
