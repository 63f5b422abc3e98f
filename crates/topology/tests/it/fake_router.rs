//! A router with a map in memory, on a real socket, that can go down and come back on the same port.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use api::topology::v1::topology_service_server::{TopologyService, TopologyServiceServer};
use api::topology::v1::{
    GetTopologyRequest, GetTopologyResponse, LeaseUserIdsRequest, LeaseUserIdsResponse, WatchTopologyRequest,
    WatchTopologyResponse,
};
use futures::{Stream, StreamExt, stream};
use runtime::grpc::Client;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use topology::Topology;

/// What the router knows; outlives its crashes.
#[derive(Clone)]
pub struct Knowledge {
    pub topology: Arc<watch::Sender<Topology>>,
    pub next_id: Arc<AtomicU64>,
    pub leases: Arc<AtomicU64>,
    /// Streams send nothing while this is set; only asking helps.
    pub mute: Arc<AtomicBool>,
}

impl Knowledge {
    pub fn new(topology: Topology) -> Self {
        Self {
            topology: Arc::new(watch::Sender::new(topology)),
            next_id: Arc::new(AtomicU64::new(1)),
            leases: Arc::default(),
            mute: Arc::default(),
        }
    }
}

#[tonic::async_trait]
impl TopologyService for Knowledge {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(&self, _: Request<GetTopologyRequest>) -> Result<Response<GetTopologyResponse>, Status> {
        Ok(Response::new(GetTopologyResponse { topology: Some((&*self.topology.borrow()).into()) }))
    }

    /// Sends whatever it is told to, older maps too: the client must not believe it.
    async fn watch_topology(
        &self,
        _: Request<WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        if self.mute.load(Ordering::SeqCst) {
            return Ok(Response::new(stream::pending().boxed()));
        }
        let mut topologies = self.topology.subscribe();
        topologies.mark_changed();
        let maps = stream::unfold(topologies, async |mut topologies| {
            topologies.changed().await.ok()?;
            let topology = Some((&*topologies.borrow_and_update()).into());
            Some((Ok(WatchTopologyResponse { topology }), topologies))
        });
        Ok(Response::new(maps.boxed()))
    }

    async fn lease_user_ids(
        &self,
        request: Request<LeaseUserIdsRequest>,
    ) -> Result<Response<LeaseUserIdsResponse>, Status> {
        let count = request.into_inner().count | 1;
        self.leases.fetch_add(1, Ordering::SeqCst);
        let first = self.next_id.fetch_add(count.into(), Ordering::SeqCst);
        Ok(Response::new(LeaseUserIdsResponse { first, count }))
    }
}

/// A running router. It has a runtime of its own: only the end of that closes its connections, as a crash would.
pub struct Router {
    pub address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Router {
    pub async fn start(knowledge: &Knowledge) -> Self {
        Self::start_at(knowledge, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Comes back on the port it had.
    pub async fn start_at(knowledge: &Knowledge, address: SocketAddr) -> Self {
        let (stop, service) = (CancellationToken::new(), TopologyServiceServer::new(knowledge.clone()));
        let (tell, told) = oneshot::channel();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                let serving = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
                stopped.run_until_cancelled(serving).await
            });
        });
        Self { address: told.await.unwrap(), stop, thread: Some(thread) }
    }

    pub fn channel(&self) -> Client {
        runtime::grpc::connect(&format!("http://{}", self.address)).unwrap()
    }

    /// Gone at once, with all its connections.
    pub fn kill(self) -> SocketAddr {
        self.address
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.stop.cancel();
        self.thread.take().map(JoinHandle::join);
    }
}

/// A channel to a port where nothing listens.
pub async fn nobody() -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    runtime::grpc::connect(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

/// Looks until it holds; the only wait in these tests.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}
