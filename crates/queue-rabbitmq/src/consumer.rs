//! The worker's end: jobs as they come, at most `prefetch` without an answer.

mod held;

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use lapin::{
    Acker, Channel, Connection,
    message::Delivery as Message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use queue::{BoxFuture, Delivery};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{Settings, SettingsError, connector::Connector, message, topology};
use held::{Held, Retry};

/// How long giving back what was not begun, and the goodbye, may take once everything taken has been answered.
const FAREWELL: Duration = Duration::from_secs(2);

/// The worker's end. Dropped, it gives back what was not taken; what was taken may still be answered.
pub struct Consumer {
    deliveries: mpsc::Receiver<(Acker, Delivery)>,
    soft: CancellationToken,
    _end: DropGuard,
}

impl Consumer {
    /// Starts the task that connects, now and whenever the connection is lost. `prefetch` is what the worker can use, where the settings
    /// say nothing else: its jobs at once and a few more. After `soft` is cancelled, [`queue::Consumer::next`] answers `None`, what was not
    /// taken goes back, and the task ends once all that was taken has been answered.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn start(
        settings: &Settings,
        prefetch: u16,
        soft: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, SettingsError> {
        // Ends with the process or with this one end.
        let soft = soft.child_token();
        let connector = Connector::new(settings, "consumer", soft.clone())?;
        // One place: what waits here cannot go to another worker.
        let (sender, deliveries) = mpsc::channel(1);
        let line = Line {
            settings: settings.clone(),
            prefetch: if settings.prefetch == 0 { prefetch.max(1) } else { settings.prefetch },
            sender,
            soft: soft.clone(),
            retry: Arc::new(Retry::new(settings, soft.clone(), tasks.clone())),
            taken: TaskTracker::new(),
        };
        tasks.spawn(line.run(connector));
        Ok(Self { deliveries, _end: soft.clone().drop_guard(), soft })
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}

impl queue::Consumer for Consumer {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(async {
            loop {
                let next = self.soft.run_until_cancelled(self.deliveries.recv()).await.flatten();
                match next {
                    // Its connection is gone, and the broker delivers it again.
                    Some((acker, _)) if !acker.usable() => {}
                    Some((_, delivery)) => return Some(delivery),
                    None => {
                        self.deliveries.close();
                        // Waits for the one that is just on its way here.
                        while self.deliveries.recv().await.is_some() {}
                        return None;
                    }
                }
            }
        })
    }
}

/// The way of jobs from the broker to the worker.
struct Line {
    settings: Settings,
    prefetch: u16,
    sender: mpsc::Sender<(Acker, Delivery)>,
    soft: CancellationToken,
    retry: Arc<Retry>,
    taken: TaskTracker,
}

impl Line {
    async fn run(self, mut connector: Connector) {
        while let Some(connected) = connector.connect().await {
            let Ok(connection) = connected else { continue };
            match self.serve(&connection, &mut connector).await {
                Ok(()) if self.soft.is_cancelled() => {
                    self.leave(&connection).await;
                    return;
                }
                Ok(()) => connector.lost("the broker has ended the consumer"),
                Err(error) => connector.lost(&error.to_string()),
            }
        }
    }

    /// Hands jobs on until the soft signal or the end of the connection.
    async fn serve(&self, connection: &Connection, connector: &mut Connector) -> lapin::Result<()> {
        let opened = async {
            topology::declare(connection, &self.settings).await?;
            let channel = connection.create_channel().await?;
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            let (queue, tag) = (self.settings.queue.as_str().into(), "".into());
            let consumer =
                channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
            Ok::<_, lapin::Error>((channel, consumer))
        };
        let Some(opened) = self.soft.run_until_cancelled(opened).await else { return Ok(()) };
        let (channel, mut consumer) = opened?;
        connector.works();
        loop {
            // First room for it: what lapin holds can still be given back, and the broker bounds it.
            let step = async {
                let room = self.sender.reserve().await.ok()?;
                Some((room, consumer.next().await))
            };
            let Some((room, message)) = self.soft.run_until_cancelled(step).await.flatten() else { break };
            let Some(message) = message else { return Ok(()) };
            let message = message?;
            if let Some(delivery) = self.receive(message, &channel).await {
                room.send(delivery);
            }
        }
        let farewell = async {
            channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
            while let Some(message) = consumer.next().await {
                message?.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await?;
            }
            Ok::<_, lapin::Error>(())
        };
        // Where it does not succeed, the end of the connection gives them back: not before the running jobs have been answered.
        let last = async {
            self.taken.close();
            self.taken.wait().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            gone = farewell => if let Err(error) = gone {
                tracing::warn!(error = &error as &dyn std::error::Error, "jobs go back with the connection only");
            },
            () = last => {}
        }
        Ok(())
    }

    /// A job in the worker's form; what is none becomes a dead letter.
    async fn receive(&self, message: Message, channel: &Channel) -> Option<(Acker, Delivery)> {
        match message::read(&message.data) {
            Ok(job) => {
                let acker = message.acker.clone();
                let held = Held {
                    acker: message.acker,
                    before: message::deliveries(&message.properties),
                    retry: Arc::clone(&self.retry),
                    _channel: channel.clone(),
                    _taken: self.taken.token(),
                };
                metrics::counter!("myriad_queue_deliveries_total", "again" => if held.before > 0 { "yes" } else { "no" })
                    .increment(1);
                Some((acker, Delivery::new(job, Box::new(held))))
            }
            Err(foreign) => {
                metrics::counter!("myriad_queue_foreign_total").increment(1);
                tracing::error!(
                    message.id = ?message.properties.message_id().as_ref().map(lapin::types::ShortString::as_str),
                    message.bytes = message.data.len(),
                    error = &foreign as &dyn std::error::Error,
                    "a message that is not ours is a dead letter now"
                );
                if let Err(error) = message.acker.reject(BasicRejectOptions { requeue: false }).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the broker did not hear it and delivers it again"
                    );
                }
                None
            }
        }
    }

    /// Waits for the answers to what was taken, then says goodbye.
    async fn leave(self, connection: &Connection) {
        drop(self.sender);
        self.taken.close();
        self.taken.wait().await;
        let _ = tokio::time::timeout(FAREWELL, connection.close(200, "the worker stops".into())).await;
    }
}
