//! Follows the router: one stream, opened again with back-off when it breaks. The map only ever gets newer, and stays when the router goes.

use std::sync::Arc;
use std::time::Duration;

use api::topology::v1::topology_service_client::TopologyServiceClient;
use api::topology::v1::{self as proto, GetTopologyRequest, WatchTopologyRequest};
use runtime::grpc::Client;
use runtime::shutdown::Shutdown;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::backoff::Backoff;
use crate::error::{Error, Result};
use crate::map::Topology;
use crate::metrics;
use crate::snapshot::SnapshotFile;

/// How long one answer of the router may take.
const ANSWER: Duration = Duration::from_secs(1);
/// A stream that is silent this long is opened again: a connection whose other end vanished does not tell.
const QUIET: Duration = Duration::from_mins(1);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Room for a map with a million private buckets.
const LARGEST_MESSAGE: usize = 64 << 20;

/// The newest topology known here. Clones share it.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    router: TopologyServiceClient<Client>,
    current: watch::Sender<Arc<Topology>>,
    /// When the last refresh ended; held while one is under way, so that all who ask meanwhile share it.
    refreshed: Mutex<Instant>,
}

impl Watch {
    /// Finds the first topology and follows it from then on, until the soft signal.
    ///
    /// With a map on disk the router is asked once and may be down. Without one this waits for the router. Without a file the map is kept
    /// in memory only.
    ///
    /// # Errors
    /// [`Error::OtherCluster`] where disk and router disagree on who we are, [`Error::Invalid`] where the router's first map
    /// is not one, [`Error::File`] where the file cannot be read, [`Error::Stopped`].
    pub async fn start(router: Client, file: impl Into<Option<SnapshotFile>>, shutdown: &Shutdown) -> Result<Self> {
        let router = TopologyServiceClient::new(router).max_decoding_message_size(LARGEST_MESSAGE);
        let file = file.into().map(Arc::new);
        let on_disk = match &file {
            Some(file) => load(file.clone()).await?,
            None => None,
        };
        let first = match &on_disk {
            Some(kept) => newest_of(kept, fetch(&router).await)?,
            None => shutdown.soft.run_until_cancelled(first_from(&router)).await.ok_or(Error::Stopped)??,
        };
        metrics::version(first.version());
        let current = watch::Sender::new(Arc::new(first));
        let this = Self(Arc::new(Inner { router, current, refreshed: Mutex::new(Instant::now()) }));
        shutdown.spawn(this.clone().follow(shutdown.soft.clone()));
        if let Some(file) = file {
            let saved = on_disk.map_or(0, |kept| kept.version());
            shutdown.spawn(persist(file, this.subscribe(), saved, shutdown.soft.clone()));
        }
        Ok(this)
    }

    /// The newest topology known.
    pub fn current(&self) -> Arc<Topology> {
        self.0.current.borrow().clone()
    }

    /// Tells of every newer topology; versions in between may be skipped.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Topology>> {
        self.0.current.subscribe()
    }

    /// Asks the router now and returns the newest topology known, which is the old one when the router is down.
    /// Callers that come while one asks share its answer.
    pub async fn refresh(&self) -> Arc<Topology> {
        let asked = Instant::now();
        let mut refreshed = self.0.refreshed.lock().await;
        if *refreshed <= asked {
            match fetch(&self.0.router).await {
                Ok(topology) => self.offer(topology),
                Err(error) => tracing::warn!(%error, "the topology could not be refreshed"),
            }
            *refreshed = Instant::now();
        }
        self.current()
    }

    /// Takes a topology if it is newer and of the same cluster.
    fn offer(&self, offered: Topology) {
        let offered = Arc::new(offered);
        let version = offered.version();
        let taken = self.0.current.send_if_modified(|current| {
            if offered.cluster_id() != current.cluster_id() {
                tracing::error!(
                    ours = current.cluster_id(),
                    theirs = offered.cluster_id(),
                    "the router serves another cluster: ignored"
                );
                return false;
            }
            let newer = offered.version() > current.version();
            if newer {
                *current = offered;
            }
            newer
        });
        if taken {
            metrics::version(version);
            tracing::info!(topology.version = version, "newer topology");
        }
    }

    async fn follow(self, stop: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut lost = false;
        while let Some(end) = stop.run_until_cancelled(self.stream(&mut backoff, &mut lost)).await {
            if let Err(status) = end {
                if !lost && !stop.is_cancelled() {
                    tracing::warn!(grpc.code = ?status.code(), grpc.message = status.message(), "the router is lost; going on with the topology at hand");
                }
                lost = true;
                metrics::watching(false);
            }
            if stop.run_until_cancelled(sleep(backoff.wait())).await.is_none() {
                return;
            }
        }
    }

    async fn stream(&self, backoff: &mut Backoff, lost: &mut bool) -> std::result::Result<(), Status> {
        let request = WatchTopologyRequest { after_version: self.current().version() };
        let opened = timeout(ANSWER, self.0.router.clone().watch_topology(request)).await;
        let mut stream = opened.map_err(|_| Status::deadline_exceeded("no stream in time"))??.into_inner();
        if std::mem::take(lost) {
            tracing::info!("the router is back");
        }
        metrics::watching(true);
        let opened = Instant::now();
        // Silence, and an end in good order (the router replaces old connections), are no faults.
        while let Ok(message) = timeout(QUIET, stream.message()).await {
            // A router that ends every stream at once, or sends what is no map, is asked ever less often.
            if opened.elapsed() > LONGEST_WAIT {
                backoff.reset();
            }
            let Some(message) = message? else { break };
            match read(message.topology) {
                Ok(topology) => self.offer(topology),
                Err(error) => return Err(Status::data_loss(error.to_string())),
            }
            backoff.reset();
        }
        Ok(())
    }
}

async fn first_from(router: &TopologyServiceClient<Client>) -> Result<Topology> {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        match fetch(router).await {
            Err(Error::Router(reason)) => {
                let wait = backoff.wait();
                tracing::warn!(
                    reason,
                    retry_ms = u64::try_from(wait.as_millis()).unwrap_or(0),
                    "waiting for the first topology"
                );
                sleep(wait).await;
            }
            other => return other,
        }
    }
}

fn newest_of(kept: &Topology, fetched: Result<Topology>) -> Result<Topology> {
    match fetched {
        Ok(fetched) if fetched.cluster_id() != kept.cluster_id() => {
            Err(Error::OtherCluster { ours: kept.cluster_id().to_owned(), theirs: fetched.cluster_id().to_owned() })
        }
        Ok(fetched) if fetched.version() >= kept.version() => Ok(fetched),
        Ok(fetched) => {
            tracing::error!(
                topology.version = kept.version(),
                router.version = fetched.version(),
                "the router knows less than this process did: was its catalog restored from an old copy?"
            );
            Ok(kept.clone())
        }
        Err(error) => {
            tracing::warn!(%error, topology.version = kept.version(), "starting with the topology on disk");
            Ok(kept.clone())
        }
    }
}

async fn fetch(router: &TopologyServiceClient<Client>) -> Result<Topology> {
    let mut router = router.clone();
    let answer = timeout(ANSWER, router.get_topology(GetTopologyRequest {})).await;
    let answer = answer.map_err(|_| Error::Router("no answer in time".to_owned()))?;
    let answer = answer.map_err(|status| Error::Router(format!("{:?}: {}", status.code(), status.message())))?;
    read(answer.into_inner().topology)
}

fn read(message: Option<proto::Topology>) -> Result<Topology> {
    let message = message.ok_or_else(|| Error::Router("an answer without a topology".to_owned()))?;
    Ok(Topology::try_from(message)?)
}

async fn load(file: Arc<SnapshotFile>) -> Result<Option<Topology>> {
    match tokio::task::spawn_blocking(move || file.load()).await.unwrap_or(Err(Error::Stopped)) {
        Err(error @ Error::Damaged { .. }) => {
            tracing::warn!(%error, "the topology on disk is not used");
            Ok(None)
        }
        other => other,
    }
}

/// Keeps the file as new as the memory. Failing is no reason to stop serving.
async fn persist(
    file: Arc<SnapshotFile>,
    mut current: watch::Receiver<Arc<Topology>>,
    mut saved: u64,
    stop: CancellationToken,
) {
    loop {
        let topology = current.borrow_and_update().clone();
        if topology.version() > saved {
            saved = topology.version();
            let file = file.clone();
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || file.save(&topology)).await {
                tracing::warn!(%error, "the topology was not kept on disk");
            }
        }
        if !matches!(stop.run_until_cancelled(current.changed()).await, Some(Ok(()))) {
            return;
        }
    }
}
