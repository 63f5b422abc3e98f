//! How an engine is opened. Injected, so that this library knows no engine and one process opens each database once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as Lock, PoisonError, Weak};

use futures::FutureExt as _;
use store::{BoxFuture, Engine};
use tokio::sync::Mutex;

use crate::replicas::Settings;
use crate::shard_info::{EngineKind, ShardInfo};

/// What opening a shard gives.
pub type Opened = store::Result<Arc<dyn Engine>>;

type Open = dyn Fn(ShardInfo) -> BoxFuture<'static, Opened> + Send + Sync;
type OpenReplica = dyn Fn(ShardInfo, String) -> BoxFuture<'static, Opened> + Send + Sync;
/// Engine, location, reign, and whether it is only read from.
type Server = (EngineKind, String, u64, bool);
/// Locked while it is being opened, so that two who ask at once do not open it twice.
type Slot = Arc<Mutex<Option<Weak<dyn Engine>>>>;

/// Opens shards and remembers, weakly, what it opened: as long as somebody holds an engine, the next who asks gets the same one.
/// Clones share the memory: hand one to every part of a process.
#[derive(Clone)]
pub struct Opener {
    open: Arc<Open>,
    replicas: Option<(Settings, Arc<OpenReplica>)>,
    known: Arc<Lock<HashMap<Server, Slot>>>,
}

impl Opener {
    /// Opens with this function, which sees the shard's engine, location and name.
    pub fn new<F, Fut>(open: F) -> Self
    where
        F: Fn(ShardInfo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Opened> + Send + 'static,
    {
        Self { open: Arc::new(move |shard| open(shard).boxed()), replicas: None, known: Arc::default() }
    }

    /// Opens replicas too, with a function that sees the shard and the replica's location. Without it they are left alone.
    #[must_use]
    pub fn with_replicas<F, Fut>(mut self, settings: Settings, open: F) -> Self
    where
        F: Fn(ShardInfo, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Opened> + Send + 'static,
    {
        self.replicas = Some((settings, Arc::new(move |shard, location| open(shard, location).boxed())));
        self
    }

    /// How replicas are read from; none where they are not.
    pub(crate) fn replicas(&self) -> Option<Settings> {
        self.replicas.as_ref().map(|(settings, _)| *settings)
    }

    /// The engine of a shard: the one that is open already, or a new one.
    pub async fn open(&self, shard: &ShardInfo) -> Opened {
        let server = (shard.engine, shard.location.clone(), shard.role_epoch, false);
        self.remembered(server, || (self.open)(shard.clone())).await
    }

    /// The engine of a shard's replica, only to be read from: the one that is open already, or a new one.
    ///
    /// # Errors
    /// As the function it was given; `Unusable` where none was given.
    pub async fn open_replica(&self, shard: &ShardInfo, location: &str) -> Opened {
        let Some((_, open)) = &self.replicas else {
            return Err(store::Error::Unusable("this process opens no replicas".to_owned()));
        };
        let server = (shard.engine, location.to_owned(), shard.role_epoch, true);
        self.remembered(server, || open(shard.clone(), location.to_owned())).await
    }

    async fn remembered(&self, server: Server, open: impl FnOnce() -> BoxFuture<'static, Opened>) -> Opened {
        let slot = self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(server).or_default().clone();
        let mut slot = slot.lock().await;
        if let Some(engine) = slot.as_ref().and_then(Weak::upgrade) {
            return Ok(engine);
        }
        let engine = open().await?;
        *slot = Some(Arc::downgrade(&engine));
        Ok(engine)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}
