//! A shard with real replicas and two services over it.

use std::time::Duration;

use api::{
    image::v1::ListImagesRequest,
    position::{self, Position},
    user::v1 as proto,
};
use engines::ReplicaSettings;
use futures::future::join_all;
use model::UserId;
use tempfile::TempDir;
use testkit::{engines::Postgres, eventually};
use tonic::Request;
use topology::{EngineKind, Parts, ShardInfo, Topology};

use crate::world::World;

pub const DATABASE: &str = "shard";
pub const LIMIT: Duration = Duration::from_mins(1);

/// A primary, its replicas, and two services.
pub struct Stage {
    pub primary: Postgres,
    pub replicas: Vec<Postgres>,
    /// Where it is written.
    pub writing: World,
    /// Where it is read.
    pub reading: World,
    pub directories: Vec<TempDir>,
}

impl Stage {
    /// With a replica for each list of parameters.
    pub async fn new(replicas: &[&[&str]], settings: ReplicaSettings) -> Self {
        let mut directories = vec![TempDir::new().unwrap()];
        let primary = Postgres::start(directories[0].path()).await.unwrap();
        primary.create_database(DATABASE).await.unwrap();
        let mut servers = Vec::new();
        for parameters in replicas {
            let directory = TempDir::new().unwrap();
            servers.push(primary.replica(directory.path(), parameters).await.unwrap());
            directories.push(directory);
        }
        let mut info = ShardInfo::new(0, "shard-0".to_owned(), EngineKind::Postgres, primary.url(DATABASE));
        info.replicas = servers.iter().map(|server| server.url(DATABASE)).collect();
        let topology = Topology::new(Parts::first("test".to_owned(), vec![info])).unwrap();
        let writing = World::on(topology.clone(), settings, |_| {}).await;
        let reading = World::on(topology, settings, |_| {}).await;
        Self { primary, replicas: servers, writing, reading, directories }
    }

    pub async fn sign_up(&self, count: usize) -> Vec<u64> {
        let signed_up = (0..count).map(|n| async move { self.writing.sign_up(&format!("u{n}@example.com")).await.id });
        join_all(signed_up).await
    }

    /// Whether a read by somebody who has written nothing goes to a replica.
    pub async fn shows_from_a_replica(&self, user: u64) -> bool {
        let user = UserId::new(user).unwrap();
        self.reading.shards.show(user, &[]).await.unwrap().on_replica
    }

    pub async fn until_replicas_serve(&self, user: u64) {
        eventually("replicas are read from", LIMIT, || async { self.shows_from_a_replica(user).await.then_some(()) })
            .await;
    }

    /// Waits until each replica was read from.
    pub async fn until_all_serve(&self, user: u64) {
        let before: Vec<u64> = join_all(self.replicas.iter().map(super::looks)).await;
        eventually("each replica is read from", LIMIT, || async {
            for _ in 0..10 * self.replicas.len() {
                assert!(self.list_images(user, &[]).await);
            }
            let now: Vec<u64> = join_all(self.replicas.iter().map(super::looks)).await;
            now.iter().zip(&before).all(|(now, before)| now > before).then_some(())
        })
        .await;
    }

    /// Changes a name: where that lies in the log.
    pub async fn rename(&self, id: u64, name: &str) -> Vec<Position> {
        let change = proto::UpdateUserRequest { user_id: id, first_name: Some(name.to_owned()), ..Default::default() };
        position::read(self.writing.users.clone().update_user(change).await.unwrap().metadata())
    }

    pub async fn name(&self, id: u64, seen: &[Position]) -> String {
        let request = with(proto::GetUserRequest { user_id: id }, seen);
        let answer = self.reading.users.clone().get_user(request).await.unwrap();
        answer.into_inner().user.unwrap().first_name
    }

    /// A read that no cache answers.
    pub async fn list_images(&self, id: u64, seen: &[Position]) -> bool {
        let list = ListImagesRequest { user_id: id, limit: 10, ..Default::default() };
        self.reading.images.clone().list_images(with(list, seen)).await.is_ok()
    }
}

/// A call as the gateway makes it for a client with this token.
pub fn with<T>(message: T, seen: &[Position]) -> Request<T> {
    let mut told = tonic::Response::new(());
    position::attach(&mut told, seen);
    let mut request = Request::new(message);
    if let Some(positions) = told.metadata().get(position::KEY) {
        request.metadata_mut().insert(position::KEY, positions.clone());
    }
    request
}
