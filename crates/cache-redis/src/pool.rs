//! Connections: a bounded pool that asks nothing of a connection that has done its work.
//!
//! `deadpool_redis` sends a PING before each use, which doubles the time of a look-up. Here a connection goes back only after it has
//! answered, whatever it answered; one that failed, or whose caller went away while it was asked, is thrown away.

use deadpool::managed::{self, Metrics, Pool, PoolError, RecycleError, RecycleResult};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, RedisError, TlsCertificates};
use secrecy::ExposeSecret as _;

use crate::settings::{RedisSettings, Unusable};

/// A connection, and whether it still owes an answer.
pub(crate) struct Connection {
    pub(crate) inner: MultiplexedConnection,
    pub(crate) owes: bool,
}

pub(crate) type Connections = Pool<Manager>;

/// Makes connections.
pub(crate) struct Manager {
    inner: deadpool_redis::Manager,
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = RedisError;

    async fn create(&self) -> Result<Connection, RedisError> {
        let inner = managed::Manager::create(&self.inner).await?;
        Ok(Connection { inner, owes: false })
    }

    async fn recycle(&self, connection: &mut Connection, _metrics: &Metrics) -> RecycleResult<RedisError> {
        if connection.owes { Err(RecycleError::message("it owes an answer")) } else { Ok(()) }
    }
}

/// Whom to connect to.
///
/// # Errors
/// Names the setting; never shows its value.
pub(crate) fn client(settings: &RedisSettings) -> Result<Client, Unusable> {
    let unusable = |error: &RedisError| {
        // Its text may quote the URL.
        let kind = error.kind();
        Unusable::new(
            "cache.redis.url",
            format!("cannot be used ({kind:?}): write redis://host:port or rediss://host:port"),
        )
    };
    let info = settings.url.expose_secret().into_connection_info().map_err(|error| unusable(&error))?;
    let mut server = info.redis_settings().clone();
    if let Some(password) = &settings.password {
        server = server.set_password(password.expose_secret());
    }
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let info: ConnectionInfo = info.set_redis_settings(server).set_tcp_settings(tcp);
    let Some(path) = &settings.ca_file else {
        return Client::open(info).map_err(|error| unusable(&error));
    };
    let root_cert = std::fs::read(path)
        .map_err(|error| Unusable::new("cache.redis.ca_file", format!("{} cannot be read: {error}", path.display())))?;
    Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(root_cert) }).map_err(|error| {
        Unusable::new("cache.redis.ca_file", format!("{} cannot be used with cache.redis.url: {error}", path.display()))
    })
}

/// The pool. Makes no connection yet.
///
/// # Errors
/// Where the client cannot be used again, which it can.
pub(crate) fn pool(client: &Client, settings: &RedisSettings) -> Result<Connections, Unusable> {
    // The budget of a whole operation is kept by its caller.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let info = client.get_connection_info().clone();
    let inner = deadpool_redis::Manager::new_with_config(info, config)
        .map_err(|error| Unusable::new("cache.redis.url", format!("cannot be used ({:?})", error.kind())))?;
    Pool::builder(Manager { inner })
        .max_size(settings.pool)
        .build()
        .map_err(|error| Unusable::new("cache.redis.pool", error))
}

/// Why there is no connection.
pub(crate) fn backend(error: PoolError<RedisError>) -> RedisError {
    match error {
        PoolError::Backend(error) => error,
        other => RedisError::from(std::io::Error::other(other.to_string())),
    }
}
