//! Servers of their own threads: killed, frozen, thawed, drained.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use api::topology::v1::{
    GetTopologyRequest, GetTopologyResponse, LeaseUserIdsRequest, LeaseUserIdsResponse, WatchTopologyRequest,
    WatchTopologyResponse,
    topology_service_client::TopologyServiceClient,
    topology_service_server::{TopologyService, TopologyServiceServer},
};
use futures::{Stream, StreamExt, stream};
use runtime::{
    context,
    grpc::{self, Client, REQUEST_BYTES, ServiceKey, Tuning},
    ready::Readiness,
    shutdown::Shutdown,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

const SERVICE: &str = "myriad.topology.v1.TopologyService";

/// A service that reads (`GetTopology`), writes (`LeaseUserIds`) and streams, and counts.
#[derive(Clone, Default)]
pub struct Fake {
    pub reads: Arc<AtomicU64>,
    pub writes: Arc<AtomicU64>,
    /// Calls are taken and not answered while this is set.
    pub silent: Arc<AtomicBool>,
    /// Told of each call.
    pub called: Arc<Notify>,
    /// What was left of the deadline when the last call came.
    pub left: Arc<Mutex<Option<Duration>>>,
    /// Asked by each read, without a deadline of its own.
    pub next: Option<Client>,
}

impl Fake {
    async fn begin(&self) {
        let left = context::deadline().map(|at| at.saturating_duration_since(Instant::now()));
        *self.left.lock().unwrap() = left;
        self.called.notify_waiters();
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    pub fn calls(&self) -> u64 {
        self.reads.load(Ordering::SeqCst) + self.writes.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl TopologyService for Fake {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(&self, _: Request<GetTopologyRequest>) -> Result<Response<GetTopologyResponse>, Status> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.begin().await;
        if let Some(next) = self.next.clone() {
            read(&next).await?;
        }
        Ok(Response::new(GetTopologyResponse::default()))
    }

    async fn watch_topology(
        &self,
        _: Request<WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(stream::pending().boxed()))
    }

    async fn lease_user_ids(&self, _: Request<LeaseUserIdsRequest>) -> Result<Response<LeaseUserIdsResponse>, Status> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.begin().await;
        Ok(Response::new(LeaseUserIdsResponse { first: 1, count: 1 }))
    }
}

/// A server with a runtime of its own: the end of that closes its connections as a crash would.
pub struct Server {
    pub fake: Fake,
    pub address: SocketAddr,
    kill: CancellationToken,
    drain: CancellationToken,
    frozen: mpsc::Sender<()>,
    freeze: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Fake::default(), ([127, 0, 0, 1], 0).into(), ServiceKey::default()).await
    }

    pub async fn with(fake: Fake, address: SocketAddr, key: ServiceKey) -> Self {
        let (kill, drain, freeze) = (CancellationToken::new(), CancellationToken::new(), Arc::new(Notify::new()));
        let (tell, told) = oneshot::channel();
        let (frozen, thawed) = mpsc::channel();
        let (killed, drained, freezes, service) = (kill.clone(), drain.clone(), freeze.clone(), fake.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let shutdown = Shutdown::new();
                let service = TopologyServiceServer::new(service).max_decoding_message_size(REQUEST_BYTES);
                let routes = grpc::routes(Routes::new(service), &[SERVICE], &Readiness::new(), &shutdown).unwrap();
                grpc::serve(routes, listener, &key, &shutdown).unwrap();
                loop {
                    tokio::select! {
                        // Blocks the only thread: what is connected stays, and nobody answers.
                        () = freezes.notified() => drop(thawed.recv()),
                        () = killed.cancelled() => return,
                        () = drained.cancelled() => {
                            assert!(shutdown.finish(Duration::from_secs(10)).await, "drained");
                            return;
                        }
                    }
                }
            });
        });
        Self { fake, address: told.await.unwrap(), kill, drain, frozen, freeze, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stands still until [`Server::thaw`].
    pub fn freeze(&self) {
        self.freeze.notify_one();
    }

    pub fn thaw(&self) {
        self.frozen.send(()).unwrap();
    }

    /// Gone at once with all its connections; the address may be taken again.
    pub fn kill(self) -> SocketAddr {
        self.address
    }

    /// As on SIGTERM; returns when it has ended.
    pub async fn drain(mut self) {
        self.drain.cancel();
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill.cancel();
        let _ = self.frozen.send(());
        self.thread.take().map(JoinHandle::join);
    }
}

/// A client of all of these.
pub fn client(servers: &[&Server]) -> Client {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    grpc::connect(&urls.join(",")).unwrap()
}

/// A client that finds servers by a name, whose addresses the test changes.
pub fn client_by_name(addresses: &Arc<Mutex<Vec<SocketAddr>>>) -> Client {
    let known = addresses.clone();
    let resolver: grpc::Resolver = Arc::new(move |host, port| {
        assert_eq!((host.as_str(), port), ("users.test", 7101));
        let found = known.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    });
    let tuning = Tuning { resolve_every: Duration::from_millis(50), resolver, ..Tuning::default() };
    grpc::connect_tuned("http://users.test:7101", tuning).unwrap()
}

pub async fn read(client: &Client) -> Result<(), Status> {
    TopologyServiceClient::new(client.clone()).get_topology(GetTopologyRequest {}).await.map(drop)
}

pub async fn read_within(client: &Client, deadline: Duration) -> Result<(), Status> {
    let request = context::request(GetTopologyRequest {}, Some(deadline));
    TopologyServiceClient::new(client.clone()).get_topology(request).await.map(drop)
}

pub async fn write(client: &Client) -> Result<(), Status> {
    TopologyServiceClient::new(client.clone()).lease_user_ids(LeaseUserIdsRequest { count: 1 }).await.map(drop)
}

/// Looks until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// Calls until each of them has been asked.
pub async fn until_all_take_calls(client: &Client, servers: &[&Server]) {
    let before: Vec<u64> = servers.iter().map(|server| server.fake.calls()).collect();
    until("every server is asked", async || {
        let _ = read(client).await;
        servers.iter().zip(&before).all(|(server, before)| server.fake.calls() > *before)
    })
    .await;
}
