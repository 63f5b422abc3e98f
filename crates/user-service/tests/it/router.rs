//! A router in memory: a fixed map of shards, and ids from a counter.

use std::{
    collections::BTreeMap,
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
use model::BUCKETS;
use testkit::engines::ShardEngine;
use tonic::{Request, Response, Status};
use topology::{EngineKind, Owner, Parts, ShardInfo, ShardState, Topology};

/// The map of a cluster with so many new shards, bucket `b` on shard `b % shards`.
pub async fn map(engine: ShardEngine, shards: u32) -> Topology {
    let mut infos = Vec::new();
    for id in 0..shards {
        let name = format!("shard-{id}");
        infos.push(ShardInfo {
            id,
            engine: match engine {
                ShardEngine::Sqlite => EngineKind::Sqlite,
                ShardEngine::Postgres => EngineKind::Postgres,
            },
            location: engine.new_location(&name).await.unwrap(),
            name,
            replicas: Vec::new(),
            state: ShardState::Active,
            role_epoch: 1,
            weight: 1,
        });
    }
    Topology::new(Parts {
        version: 1,
        cluster_id: "test".to_owned(),
        shards: infos,
        buckets: (0..BUCKETS).map(|bucket| Some(Owner(bucket % shards, 1))).collect(),
        pins: BTreeMap::new(),
    })
    .unwrap()
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
