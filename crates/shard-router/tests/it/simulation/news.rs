//! How a process hears of new maps: late, now and then not at all, from whichever router is there.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::topology::v1::topology_service_server::TopologyService;
use api::topology::v1::{
    GetTopologyRequest, GetTopologyResponse, LeaseUserIdsRequest, LeaseUserIdsResponse, WatchTopologyRequest,
    WatchTopologyResponse,
};
use futures::{Stream, StreamExt, stream};
use tokio::time::sleep;
use tonic::{Request, Response, Status};
use topology::Topology;

use super::dice::Dice;
use super::world::World;

/// The way from the routers to one process.
#[derive(Clone)]
pub struct News {
    world: World,
    dice: Arc<Mutex<Dice>>,
}

impl News {
    pub fn of(world: &World, process: &str) -> Self {
        let dice = Arc::new(Mutex::new(Dice::new(world.seed, &format!("news for {process}"))));
        Self { world: world.clone(), dice }
    }

    /// What one of the routers knows.
    async fn ask(&self) -> Result<Arc<Topology>, Status> {
        let (way, lost, which) = {
            let mut dice = self.dice.lock().unwrap();
            (dice.ms(1, 15), dice.happens(100), dice.next())
        };
        sleep(way).await;
        if lost && self.world.is_stormy() {
            return Err(Status::unavailable("lost on the way"));
        }
        let Some((process, catalog)) = self.world.any_router(which) else {
            return Err(Status::unavailable("no router is there"));
        };
        process.hear().await;
        Ok(catalog.current())
    }

    fn pause(&self) -> Duration {
        self.dice.lock().unwrap().ms(200, 3_000)
    }
}

#[tonic::async_trait]
impl TopologyService for News {
    type WatchTopologyStream = Pin<Box<dyn Stream<Item = Result<WatchTopologyResponse, Status>> + Send>>;

    async fn get_topology(&self, _: Request<GetTopologyRequest>) -> Result<Response<GetTopologyResponse>, Status> {
        let topology = self.ask().await?;
        Ok(Response::new(GetTopologyResponse { topology: Some((&*topology).into()) }))
    }

    async fn watch_topology(
        &self,
        request: Request<WatchTopologyRequest>,
    ) -> Result<Response<Self::WatchTopologyStream>, Status> {
        let after = request.into_inner().after_version;
        let newer = stream::unfold((self.clone(), after), |(news, after)| async move {
            loop {
                sleep(news.pause()).await;
                if let Ok(topology) = news.ask().await
                    && topology.version() > after
                {
                    let message = WatchTopologyResponse { topology: Some((&*topology).into()) };
                    return Some((Ok(message), (news, topology.version())));
                }
            }
        });
        Ok(Response::new(newer.boxed()))
    }

    async fn lease_user_ids(&self, _: Request<LeaseUserIdsRequest>) -> Result<Response<LeaseUserIdsResponse>, Status> {
        Err(Status::unimplemented("nobody signs up here"))
    }
}
