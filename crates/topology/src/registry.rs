//! Opens what the topology names and closes what it no longer does. A new map is routed by at once; a new shard joins when it is open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use model::ShardId;
use runtime::shutdown::Shutdown;
use store::Shard;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::error::Result;
use crate::identity;
use crate::map::Topology;
use crate::metrics;
use crate::opener::Opener;
use crate::replicas::Replicas;
use crate::shard_info::ShardInfo;
use crate::shards::View;

/// How long one attempt to open a shard may take.
const ATTEMPT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// An open shard and what it was opened for.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) info: ShardInfo,
    pub(crate) shard: Shard,
    /// Where else its rows may be read; none where it has no replicas.
    pub(crate) replicas: Option<Arc<Replicas>>,
}

/// Opens all shards of a topology at once, or says which one does not open.
pub(crate) async fn open_all(
    topology: &Topology,
    opener: &Opener,
    shutdown: &Shutdown,
) -> Result<BTreeMap<ShardId, Open>> {
    let opening = topology.live_shards().map(|info| open_one(topology, info, opener, shutdown));
    Ok(try_join_all(opening).await?.into_iter().collect())
}

/// Keeps the view at the newest topology.
pub(crate) async fn follow(
    mut topologies: watch::Receiver<Arc<Topology>>,
    opener: Opener,
    view: watch::Sender<Arc<View>>,
    shutdown: Shutdown,
) {
    let stop: &CancellationToken = &shutdown.soft;
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let topology = topologies.borrow_and_update().clone();
        let missing = carry_over(&view, &topology, &opener, &shutdown);
        let work = async {
            if open_missing(&view, &topology, &missing, &opener, &shutdown).await {
                std::future::pending::<()>().await;
            }
            sleep(backoff.wait()).await;
        };
        // A newer topology does not wait for a shard that hangs: what is being opened then is begun anew.
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = topologies.changed() => match changed {
                Ok(()) => backoff.reset(),
                Err(_) => return,
            },
            () = work => {}
        }
    }
}

/// Routes by the new topology with the shards that stay; returns those that are yet to be opened. Engines that nobody holds any
/// more close themselves.
fn carry_over(
    view: &watch::Sender<Arc<View>>,
    topology: &Arc<Topology>,
    opener: &Opener,
    shutdown: &Shutdown,
) -> Vec<ShardInfo> {
    let before = view.borrow().clone();
    let mut open = BTreeMap::new();
    let mut missing = Vec::new();
    for info in topology.live_shards() {
        match before.open.get(&info.shard_id()) {
            Some(there) if there.info.same_engine(info) => {
                let replicas = if there.info.replicas == info.replicas {
                    there.replicas.clone()
                } else {
                    Replicas::start(info, topology.cluster_id(), there.shard.engine(), opener, shutdown)
                };
                open.insert(info.shard_id(), Open { info: info.clone(), shard: there.shard.clone(), replicas });
            }
            _ => missing.push(info.clone()),
        }
    }
    if before.topology.version() != topology.version() || before.open.len() != open.len() {
        metrics::shards_open(open.len());
        view.send_replace(Arc::new(View { topology: topology.clone(), open }));
    }
    missing
}

/// Tries to open each once; says whether all are open.
async fn open_missing(
    view: &watch::Sender<Arc<View>>,
    topology: &Topology,
    missing: &[ShardInfo],
    opener: &Opener,
    shutdown: &Shutdown,
) -> bool {
    let attempts = missing.iter().map(async |info| {
        let attempt = timeout(ATTEMPT, open_one(topology, info, opener, shutdown)).await;
        match attempt {
            Ok(Ok((id, open))) => {
                tracing::info!(shard.id = id.0, shard.name = info.name, "shard opened");
                view.send_modify(|view| {
                    let mut joined = view.open.clone();
                    joined.insert(id, open);
                    metrics::shards_open(joined.len());
                    *view = Arc::new(View { topology: view.topology.clone(), open: joined });
                });
                true
            }
            Ok(Err(error)) => {
                tracing::error!(shard.name = info.name, %error, "shard not opened; its buckets are unavailable");
                false
            }
            Err(_) => {
                tracing::error!(shard.name = info.name, "shard not opened in time; its buckets are unavailable");
                false
            }
        }
    });
    join_all(attempts).await.into_iter().all(|opened| opened)
}

async fn open_one(
    topology: &Topology,
    info: &ShardInfo,
    opener: &Opener,
    shutdown: &Shutdown,
) -> Result<(ShardId, Open)> {
    let engine = identity::open(opener, topology.cluster_id(), info).await?;
    identity::require_contents(&*engine, topology, info).await?;
    let replicas = Replicas::start(info, topology.cluster_id(), &engine, opener, shutdown);
    let shard = Shard::new(info.shard_id(), engine);
    Ok((info.shard_id(), Open { info: info.clone(), shard, replicas }))
}
