//! A small pool of connections.
//!
//! Of our own, over sqlx's connections, for three reasons: a full pool (`Busy`) and a server that is away (`Unavailable`) are told
//! apart; a connection goes back only by `give_back`, which is called after its transaction has clearly ended, so none with an open
//! transaction can ever be handed out, whatever was dropped where; and giving back costs a push, no task and no ping.
//!
//! Nothing is asked of the server when a connection is handed out. A stale one shows at its first statement, before anything
//! was done: then `renew` replaces it, and the idle ones of its age go with it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use store::{Error, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::{
    Location, Settings,
    connect::{Connector, Purpose},
    metrics::{Counted, PoolMetrics},
    settings::ms,
};

/// How long a connection may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Connections to one database for one purpose.
pub struct Pool {
    connector: Connector,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Held>>,
    patience: Duration,
    lifetime: Duration,
    metrics: PoolMetrics,
}

/// An open connection.
struct Held {
    connection: PgConnection,
    since: Instant,
    _counted: Counted,
}

/// A connection in use. Dropped without `give_back`, it is closed: whoever held it was cancelled, panicked, or left it unclear.
pub struct Lease {
    held: Held,
    /// Whether it lay idle before: then it may be stale.
    pub reused: bool,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub fn new(location: &Location, settings: &Settings, name: &str, purpose: Purpose) -> Self {
        let (size, label) = match purpose {
            Purpose::Write => (settings.pool, "write"),
            Purpose::Read => (settings.readers, "read"),
            Purpose::Watch => (1, "watch"),
        };
        Self {
            connector: Connector::new(location, settings, purpose),
            permits: Arc::new(Semaphore::new(size.max(1) as usize)),
            idle: Mutex::new(Vec::new()),
            patience: ms(settings.acquire_ms),
            lifetime: ms(settings.lifetime_ms),
            metrics: PoolMetrics::new(name, label),
        }
    }

    /// A connection: an idle one, the last used first, or a new one.
    ///
    /// Errors: `Busy` where all stayed in use for too long, `Unavailable` where the server is away or the pool closed.
    pub async fn acquire(&self) -> Result<Lease> {
        let begun = Instant::now();
        let permit = timeout(self.patience, Arc::clone(&self.permits).acquire_owned()).await;
        self.metrics.waited(begun.elapsed());
        let permit = permit.map_err(|_| Error::Busy)?.map_err(|_| closed())?;
        if let Some(held) = self.take_idle() {
            return Ok(Lease { held, reused: true, _permit: permit });
        }
        Ok(Lease { held: self.open().await?, reused: false, _permit: permit })
    }

    /// Puts a new connection in the place of a stale one. The idle ones are as old or older: they go too.
    pub async fn renew(&self, lease: &mut Lease) -> Result<()> {
        self.metrics.evicted();
        drop(std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner)));
        lease.held = self.open().await?;
        lease.reused = false;
        Ok(())
    }

    /// Takes a connection back on which nothing is open and nothing is awaited.
    pub fn give_back(&self, lease: Lease) {
        if self.permits.is_closed() {
            return;
        }
        let Lease { held, _permit: permit, .. } = lease;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(held);
        // After the push: who waits for the permit finds the connection.
        drop(permit);
    }

    /// Closes a connection that is of no more use.
    pub fn evict(&self, lease: Lease) {
        self.metrics.evicted();
        drop(lease);
    }

    /// Hands out nothing more and closes what lies idle.
    pub async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for held in idle {
            let _ = timeout(FAREWELL, held.connection.close()).await;
        }
    }

    async fn open(&self) -> Result<Held> {
        let connection = self.connector.connect().await?;
        Ok(Held { connection, since: Instant::now(), _counted: self.metrics.opened() })
    }

    fn take_idle(&self) -> Option<Held> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|held| held.since.elapsed() < self.lifetime);
        idle.pop()
    }
}

impl Lease {
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.held.connection
    }
}

pub fn closed() -> Error {
    Error::Unavailable("the database is closed".to_owned())
}
