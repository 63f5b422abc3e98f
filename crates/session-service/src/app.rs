//! The service put together. Nothing else spawns tasks.

use std::sync::Arc;
use std::time::Duration;

use api::session::v1::session_service_server::SessionServiceServer;
use cache::Cache;
use password::{Attempts, Hasher};
use runtime::shutdown::Shutdown;
use token::Keys;
use tonic::service::Routes;
use topology::Shards;

use crate::config::Settings;
use crate::grpc::SessionGrpc;
use crate::sessions::Sessions;
use crate::store::Store;
use crate::{sweeper, touches};

/// The full name of the gRPC service, for its health.
pub const SERVICE: &str = "myriad.session.v1.SessionService";

/// Tells the time in milliseconds since 1970-01-01 UTC: `model::time::now_ms`, or a test's.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the service works with. In one process hasher and attempts are shared with user-service, which asks for passwords too.
pub struct Collaborators {
    /// The shards.
    pub shards: Shards,
    /// The token keys.
    pub keys: Keys,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Counts wrong ones.
    pub attempts: Attempts,
    /// Keeps validated sessions.
    pub cache: Cache,
    /// The time.
    pub clock: Clock,
}

/// The service.
pub struct App {
    sessions: Arc<Sessions>,
    clock: Clock,
}

impl App {
    /// Checks the settings and puts the service together.
    ///
    /// # Errors
    /// Names the setting and the fix.
    pub fn build(settings: Settings, with: Collaborators) -> anyhow::Result<Self> {
        settings.validate()?;
        let store = Store::new(with.shards);
        let sessions = Sessions::new(settings, store, with.keys, with.hasher, with.attempts, &with.cache);
        Ok(Self { sessions: Arc::new(sessions), clock: with.clock })
    }

    /// The gRPC service.
    pub fn routes(&self) -> Routes {
        Routes::new(
            SessionServiceServer::new(SessionGrpc::new(Arc::clone(&self.sessions), Arc::clone(&self.clock)))
                .max_decoding_message_size(runtime::grpc::REQUEST_BYTES),
        )
    }

    /// Starts the background work: noting uses, removing what is over. It ends with the soft signal.
    pub fn run(&self, shutdown: &Shutdown) {
        let sessions = &self.sessions;
        shutdown.spawn(touches::run(
            Arc::clone(&sessions.touches),
            sessions.store.clone(),
            sessions.metrics.clone(),
            Arc::clone(&self.clock),
            Duration::from_millis(sessions.settings.touch_flush_ms),
            shutdown.soft.clone(),
        ));
        shutdown.spawn(sweeper::run(
            sessions.store.clone(),
            sessions.metrics.clone(),
            Arc::clone(&self.clock),
            Duration::from_millis(sessions.settings.sweep_every_ms),
            shutdown.soft.clone(),
        ));
    }
}
