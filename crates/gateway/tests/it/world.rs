//! A gateway on a port of its own, with fake services behind it and three people in front.

use std::{net::SocketAddr, sync::Arc};

use api::{
    feed::v1::feed_service_server::FeedServiceServer, image::v1::image_service_server::ImageServiceServer,
    session::v1::session_service_server::SessionServiceServer, user::v1::user_service_server::UserServiceServer,
};
use gateway::{App, Config, Deps};
use model::{SessionId, UserId};
use objects::Objects;
use runtime::{grpc::embedded, ready::Readiness, shutdown::Shutdown};
use token::Keys;
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::fake::Fake;

pub const ADMIN: u64 = 1;
pub const OWNER: u64 = 12;
pub const OTHER: u64 = 13;

pub struct World {
    pub address: SocketAddr,
    pub fake: Arc<Fake>,
    pub keys: Keys,
    pub objects: Objects,
    pub shutdown: Shutdown,
    pub ready: Readiness,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let shutdown = Shutdown::new();
        let fake = Arc::new(Fake::new());
        let users = Routes::new(UserServiceServer::from_arc(fake.clone()))
            .add_service(ImageServiceServer::from_arc(fake.clone()))
            .add_service(FeedServiceServer::from_arc(fake.clone()));
        let sessions = Routes::new(SessionServiceServer::from_arc(fake.clone()));
        let folder = tempfile::tempdir().unwrap();
        let (keys, objects, ready) =
            (Keys::ephemeral().unwrap(), Objects::local(folder.path()).unwrap(), Readiness::new());
        fake.state().keys = Some(keys.clone());
        let deps = Deps {
            users: embedded(users, &shutdown),
            sessions: embedded(sessions, &shutdown),
            objects: objects.clone(),
            keys: keys.clone(),
            ready: ready.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        App::build(config, deps, listener, &shutdown).unwrap().run(&shutdown);
        Self { address, fake, keys, objects, shutdown, ready, _folder: folder }
    }

    /// The token of a user's one session.
    pub fn token(&self, user: u64) -> String {
        let session = SessionId([u8::try_from(user).unwrap(); 16]);
        self.keys.mint(UserId::new(user).unwrap(), session).expose().to_owned()
    }
}
