//! A member of the stack, engine or service, as a drill treats it: kill, stop, freeze, thaw, start again.

use anyhow::{Result, bail};
use testkit::{
    Daemon, Launch,
    engines::{Haproxy, Postgres, Rabbitmq, Redis, S3, listens},
};

use crate::http::is_ready;

/// A running member.
#[derive(Debug)]
pub enum Member {
    /// A service and its operators' port.
    Service(Daemon, u16),
    /// PostgreSQL.
    Postgres(Box<Postgres>),
    /// Redis.
    Redis(Redis),
    /// RabbitMQ.
    Rabbitmq(Box<Rabbitmq>),
    /// The S3 server.
    S3(S3),
    /// HAProxy.
    Haproxy(Haproxy),
}

impl Member {
    /// Starts a service and waits until it is ready.
    ///
    /// # Errors
    /// With its log.
    pub async fn service(launch: Launch, ops: u16) -> Result<Self> {
        Ok(Self::Service(Daemon::start(launch, async || is_ready(ops).await).await?, ops))
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        match self {
            Self::Service(daemon, _) => daemon.kill().await,
            Self::Postgres(engine) => engine.kill().await,
            Self::Redis(engine) => engine.kill().await,
            Self::Rabbitmq(engine) => engine.kill().await,
            Self::S3(engine) => engine.kill().await,
            Self::Haproxy(engine) => engine.daemon().kill().await,
        }
    }

    /// A graceful stop.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        match self {
            Self::Service(daemon, _) => daemon.stop().await.map(drop),
            Self::Postgres(engine) => engine.stop().await,
            Self::Redis(engine) => engine.stop().await,
            Self::Rabbitmq(engine) => engine.stop().await,
            Self::S3(engine) => engine.stop().await,
            Self::Haproxy(engine) => engine.daemon().stop().await.map(drop),
        }
    }

    /// SIGSTOP: connections stay open and nobody answers.
    pub fn freeze(&mut self) {
        match self {
            Self::Service(daemon, _) => daemon.freeze(),
            Self::Postgres(engine) => engine.freeze(),
            Self::Redis(engine) => engine.freeze(),
            Self::Rabbitmq(engine) => engine.freeze(),
            Self::S3(engine) => engine.freeze(),
            Self::Haproxy(engine) => engine.daemon().freeze(),
        }
    }

    /// SIGCONT.
    pub fn thaw(&mut self) {
        match self {
            Self::Service(daemon, _) => daemon.thaw(),
            Self::Postgres(engine) => engine.thaw(),
            Self::Redis(engine) => engine.thaw(),
            Self::Rabbitmq(engine) => engine.thaw(),
            Self::S3(engine) => engine.thaw(),
            Self::Haproxy(engine) => engine.daemon().thaw(),
        }
    }

    /// Starts it again in the same place, after it was killed or stopped, and waits until it is ready.
    ///
    /// # Errors
    /// With its log.
    pub async fn restart(&mut self) -> Result<()> {
        match self {
            Self::Service(daemon, ops) => {
                let ops = *ops;
                daemon.restart(async || is_ready(ops).await).await
            }
            Self::Postgres(engine) => engine.restart().await,
            Self::Redis(engine) => engine.restart().await,
            Self::Rabbitmq(engine) => engine.restart().await,
            Self::S3(engine) => engine.restart().await,
            Self::Haproxy(engine) => {
                let port = engine.port();
                engine.daemon().restart(async || listens(port).await).await
            }
        }
    }

    /// It as a PostgreSQL server.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn postgres(&mut self) -> Result<&mut Postgres> {
        match self {
            Self::Postgres(server) => Ok(server),
            other => bail!("{other:?} is no PostgreSQL"),
        }
    }

    /// It as Redis.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn redis(&mut self) -> Result<&mut Redis> {
        match self {
            Self::Redis(redis) => Ok(redis),
            other => bail!("{other:?} is no Redis"),
        }
    }

    /// Its process id, of a service.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Service(daemon, _) => daemon.pid(),
            _ => None,
        }
    }
}
