//! `TopologyService`: parses, calls the catalog, converts.

use std::pin::Pin;

use api::status::to_status;
use api::topology::v1::topology_service_server::TopologyService;
use api::topology::v1::{
    GetTopologyRequest, GetTopologyResponse, LeaseUserIdsRequest, LeaseUserIdsResponse, WatchTopologyRequest,
    WatchTopologyResponse,
};
use futures::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::metrics::Watching;
use crate::store::catalog::Catalog;

/// The service over one catalog.
pub(crate) struct TopologyGrpc {
    catalog: Catalog,
    /// Ends the streams, which would hold up a shutdown for ever.
    stop: CancellationToken,
}

impl TopologyGrpc {
    pub(crate) fn new(catalog: Catalog, stop: CancellationToken) -> Self {
        Self { catalog, stop }
    }
}

#[tonic::async_trait]
impl TopologyService for TopologyGrpc {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(&self, _: Request<GetTopologyRequest>) -> Result<Response<GetTopologyResponse>, Status> {
        let topology = self.catalog.current();
        Ok(Response::new(GetTopologyResponse { topology: Some((&*topology).into()) }))
    }

    async fn watch_topology(
        &self,
        request: Request<WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        let after = request.into_inner().after_version;
        let mut newer = self.catalog.subscribe();
        if after > newer.borrow().version() {
            tracing::error!(
                watcher.version = after,
                topology.version = newer.borrow().version(),
                "a watcher knows a newer topology than the catalog: was it restored from an old copy?"
            );
        }
        // The present one counts as unseen, so that the first step looks at it too.
        newer.mark_changed();
        let versions = stream::unfold((newer, after, Watching::begin()), |(mut newer, after, watching)| async move {
            let topology = newer.wait_for(|topology| topology.version() > after).await.ok()?.clone();
            let message = WatchTopologyResponse { topology: Some((&*topology).into()) };
            Some((Ok(message), (newer, topology.version(), watching)))
        });
        Ok(Response::new(versions.take_until(self.stop.clone().cancelled_owned()).boxed()))
    }

    async fn lease_user_ids(
        &self,
        request: Request<LeaseUserIdsRequest>,
    ) -> Result<Response<LeaseUserIdsResponse>, Status> {
        let leased = self.catalog.lease(request.into_inner().count).await;
        let block = leased.map_err(|error| to_status(error.into()))?;
        Ok(Response::new(LeaseUserIdsResponse { first: block.first, count: block.count }))
    }
}
