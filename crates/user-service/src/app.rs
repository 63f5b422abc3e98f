//! The service put together; nothing else starts tasks.

use std::sync::Arc;

use anyhow::Result;
use api::{
    directory::v1::directory_service_server::DirectoryServiceServer, feed::v1::feed_service_server::FeedServiceServer,
    image::v1::image_service_server::ImageServiceServer, operator::v1::operator_service_server::OperatorServiceServer,
    user::v1::user_service_server::UserServiceServer,
};
use cache::Cache;
use objects::Objects;
use password::{Attempts, Hasher};
use queue::JobQueue;
use runtime::{grpc::REQUEST_BYTES, process::Configuration, shutdown::Shutdown};
use tonic::service::{Routes, RoutesBuilder};
use topology::{Shards, UserIds};

use crate::{
    config::Config,
    copies::Copies,
    grpc::{directory::Directory, feed::Feed, images::Images, operator::Operator, users::Users},
    outbox::{deliver::Deliver, dispatcher::Dispatcher},
    recent::Recent,
    store::{Parts, Recipes, session_cache::SessionCache, steps::Steps, user_cache::UserCache},
    sweeper::Sweeper,
    watch::Watches,
};

/// Full names of the services on the internal port, for their health.
pub const SERVICES: [&str; 4] = [
    "myriad.user.v1.UserService",
    "myriad.directory.v1.DirectoryService",
    "myriad.image.v1.ImageService",
    "myriad.feed.v1.FeedService",
];

/// Full name of the service on the operators' port.
pub const OPERATOR_SERVICE: &str = "myriad.operator.v1.OperatorService";

/// What the service works with; in one process others share them.
pub struct Collaborators {
    /// The shards.
    pub shards: Shards,
    /// New user ids.
    pub ids: UserIds,
    /// The cache.
    pub cache: Cache,
    /// The recent feed.
    pub feed: Arc<dyn feed::Engine>,
    /// Pictures' bytes, for deletions.
    pub objects: Objects,
    /// Where jobs go.
    pub queue: Arc<dyn JobQueue>,
    /// Password hashing.
    pub hasher: Hasher,
    /// Counts wrong passwords; in one process shared with session-service, whose sign-ins count too.
    pub attempts: Attempts,
}

/// The service, ready to serve.
pub struct App {
    recipes: Recipes,
    recent: Recent,
    watches: Watches,
    dispatcher: Dispatcher,
    sweeper: Sweeper,
}

impl App {
    /// Puts the service together.
    ///
    /// # Errors
    /// Where a setting cannot be used; names the key.
    pub fn build(config: Config, with: Collaborators, shutdown: &Shutdown) -> Result<Self> {
        Self::build_with(config, with, shutdown, Steps::default())
    }

    /// The same with points between the steps of the recipes, for drills.
    ///
    /// # Errors
    /// As [`App::build`].
    pub fn build_with(config: Config, with: Collaborators, shutdown: &Shutdown, steps: Steps) -> Result<Self> {
        config.validate()?;
        let watch_poll_ms = config.images.watch_poll_ms;
        let recent = Recent::new(with.shards.clone(), with.feed, config.feed.clone());
        let recipes = Recipes::new(Parts {
            shards: with.shards,
            ids: with.ids,
            hasher: with.hasher,
            attempts: with.attempts,
            users: UserCache::new(&with.cache),
            sessions: SessionCache::new(&with.cache),
            config: Arc::new(config),
            shutdown: shutdown.clone(),
            steps,
        });
        let deliver = Deliver {
            recipes: recipes.clone(),
            objects: with.objects.clone(),
            recent: recent.clone(),
            copies: Copies::new(recipes.shards().clone()),
            queue: with.queue,
        };
        Ok(Self {
            watches: Watches::new(recipes.clone(), watch_poll_ms, shutdown.clone()),
            dispatcher: Dispatcher::new(deliver, shutdown.clone()),
            sweeper: Sweeper { recipes: recipes.clone(), objects: with.objects },
            recipes,
            recent,
        })
    }

    /// The services for the other processes.
    pub fn routes(&self) -> Routes {
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(UserServiceServer::new(Users(self.recipes.clone())).max_decoding_message_size(REQUEST_BYTES))
            .add_service(
                DirectoryServiceServer::new(Directory(self.recipes.clone())).max_decoding_message_size(REQUEST_BYTES),
            )
            .add_service(
                ImageServiceServer::new(Images { recipes: self.recipes.clone(), watches: self.watches.clone() })
                    .max_decoding_message_size(REQUEST_BYTES),
            )
            .add_service(FeedServiceServer::new(Feed(self.recent.clone())).max_decoding_message_size(REQUEST_BYTES));
        routes.routes()
    }

    /// The service for operators: for their port only.
    pub fn operator_routes(&self) -> Routes {
        let operator = Operator { recipes: self.recipes.clone(), recent: self.recent.clone() };
        Routes::new(OperatorServiceServer::new(operator).max_decoding_message_size(REQUEST_BYTES))
    }

    /// The recipes, for who works without gRPC.
    pub fn recipes(&self) -> &Recipes {
        &self.recipes
    }

    /// The recent feed, for who works without gRPC.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The sweepers, to be run by hand.
    pub fn sweeper(&self) -> &Sweeper {
        &self.sweeper
    }

    /// Starts the background work; it ends with the soft signal.
    pub fn run(&self, shutdown: &Shutdown) {
        shutdown.spawn(self.dispatcher.clone().run());
        self.sweeper.run(shutdown);
        shutdown.spawn(self.recent.clone().keep(shutdown.clone()));
    }
}
