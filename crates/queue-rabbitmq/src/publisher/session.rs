//! What is published over one connection.
//!
//! Each job on its way has a channel of its own. lapin gives a returned message to whichever confirmation comes next on its channel, which
//! with several on their way may be another's; with one, it is its own.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use lapin::{
    Channel, Confirmation, Connection, Event,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use queue::{Error, Job, Result};
use tokio::sync::{Notify, watch};

use crate::{Settings, message, topology};

/// How often the connection is looked at, should its last word be missed.
const LOOK: Duration = Duration::from_millis(500);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

pub struct Session {
    connection: Connection,
    /// Channels with nothing on its way.
    idle: Mutex<Vec<Channel>>,
    blocked: watch::Sender<bool>,
    /// Something is missing in the broker.
    missing: Notify,
}

impl Session {
    /// Makes sure of everything in the broker that publishing needs.
    pub async fn open(connection: Connection, settings: &Settings) -> lapin::Result<Self> {
        topology::declare(&connection, settings).await?;
        let blocked = watch::Sender::new(connection.status().blocked());
        Ok(Self { connection, idle: Mutex::default(), blocked, missing: Notify::new() })
    }

    /// Follows the connection to its end; declares again what was found missing.
    pub async fn until_lost(&self, settings: &Settings) -> lapin::Result<()> {
        let mut events = self.connection.events_listener();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::Error(error)) if !self.connection.status().connected() => return Err(error),
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = self.missing.notified() => topology::declare(&self.connection, settings).await?,
                () = tokio::time::sleep(LOOK) => {}
            }
            let status = self.connection.status();
            if !status.connected() {
                return Ok(());
            }
            let blocked = status.blocked();
            if self.blocked.send_if_modified(|before| std::mem::replace(before, blocked) != blocked) {
                metrics::gauge!("myriad_queue_blocked").set(f64::from(u8::from(blocked)));
                tracing::warn!(queue.blocked = blocked, "the broker has changed whether it takes messages");
            }
        }
    }

    /// Whether the broker asked publishers to wait.
    pub fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Publishes and waits for the confirmation. Dropped before, its channel goes with it.
    pub async fn publish(&self, exchange: &str, job: &Job) -> Result<()> {
        let mut blocked = self.blocked.subscribe();
        while self.is_blocked() {
            // The caller's patience bounds this. What is handed to a blocked connection would go out long after it was given up.
            blocked.wait_for(|blocked| !blocked).await.map_err(|_| Error::Away("the connection was closed".into()))?;
            tokio::task::yield_now().await;
        }
        let channel = self.channel().await.map_err(|error| away(&error))?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (body, properties) = (job.to_json(), message::properties(job));
        let sent = channel.basic_publish(exchange.into(), topology::KEY.into(), options, body.as_bytes(), properties);
        let confirmation = async { sent.await?.await }.await;
        let confirmation = confirmation.map_err(|error| {
            if error.is_amqp_soft_error() {
                // The exchange is gone, most likely.
                self.missing.notify_one();
            }
            away(&error)
        })?;
        self.lock_idle().push(channel);
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                self.missing.notify_one();
                Err(Error::Unavailable(format!("no queue takes it ({})", returned.reply_text)))
            }
            Confirmation::Nack(None) => {
                Err(Error::Unavailable("it was not taken, as when the queue is full".to_owned()))
            }
            Confirmation::NotRequested => Err(Error::Unavailable("it does not confirm".to_owned())),
        }
    }

    /// Says goodbye.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(GOODBYE, self.connection.close(200, "the publisher stops".into())).await;
    }

    async fn channel(&self) -> lapin::Result<Channel> {
        loop {
            let Some(channel) = self.lock_idle().pop() else { break };
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        // A push or a pop leaves it whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away(error: &lapin::Error) -> Error {
    Error::Away(error.to_string())
}
