//! A router in memory: a fixed map of shards, and ids from a counter.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use api::topology::v1::{
    GetTopologyRequest, GetTopologyResponse, LeaseUserIdsRequest, LeaseUserIdsResponse, WatchTopologyRequest,
    WatchTopologyResponse, topology_service_server::TopologyService,
};
use futures::{Stream, StreamExt, stream};
use testkit::engines::ShardEngine;
use tonic::{Request, Response, Status};
use topology::{EngineKind, Parts, ShardInfo, Topology};

/// The map of a cluster with so many new shards, bucket `b` on shard `b % shards`.
pub async fn map(engine: ShardEngine, shards: u32) -> Topology {
    let kind = match engine {
        ShardEngine::Sqlite => EngineKind::Sqlite,
        ShardEngine::Postgres => EngineKind::Postgres,
    };
    let mut infos = Vec::new();
    for id in 0..shards {
        let name = format!("shard-{id}");
        let location = engine.new_location(&name).await.unwrap();
        infos.push(ShardInfo::new(id, name, kind, location));
    }
    Topology::new(Parts::first("test".to_owned(), infos)).unwrap()
}

#[derive(Clone)]
pub struct Router {
    pub topology: Arc<Topology>,
    pub next_id: Arc<AtomicU64>,
}

#[tonic::async_trait]
impl TopologyService for Router {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(&self, _: Request<GetTopologyRequest>) -> Result<Response<GetTopologyResponse>, Status> {
        Ok(Response::new(GetTopologyResponse { topology: Some((&*self.topology).into()) }))
    }

    async fn watch_topology(
        &self,
        _: Request<WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        Ok(Response::new(stream::pending().boxed()))
    }

    async fn lease_user_ids(
        &self,
        request: Request<LeaseUserIdsRequest>,
    ) -> Result<Response<LeaseUserIdsResponse>, Status> {
        let count = request.into_inner().count;
        let first = self.next_id.fetch_add(u64::from(count), Ordering::SeqCst);
        Ok(Response::new(LeaseUserIdsResponse { first, count }))
    }
}
