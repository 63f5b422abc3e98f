//! What must be in the broker: an exchange and a quorum queue for jobs, another of each for dead letters. Declaring it again changes nothing.

use lapin::{
    Connection, ErrorKind, ExchangeKind, Result,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, LongString},
};

use crate::Settings;

/// The key between exchange and queue.
pub const KEY: &str = "job";

/// Declares everything.
pub async fn declare(connection: &Connection, settings: &Settings) -> Result<()> {
    let dead = settings.dead();
    place(connection, &dead, quorum()).await?;
    place(connection, &settings.queue, jobs(settings)).await
}

/// An exchange and a queue of this name, bound.
async fn place(connection: &Connection, name: &str, arguments: FieldTable) -> Result<()> {
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let channel = match channel.queue_declare(name.into(), options, arguments).await {
        Ok(_) => channel,
        // It was made with other arguments, by an operator or another version: it is used as it is, as long as it is there.
        Err(error) if is_unlike(&error) => {
            tracing::warn!(queue.name = name, %error, "the queue exists with other arguments and is used as it is");
            let channel = connection.create_channel().await?;
            let passive = QueueDeclareOptions { passive: true, ..options };
            channel.queue_declare(name.into(), passive, FieldTable::default()).await?;
            channel
        }
        Err(error) => return Err(error),
    };
    channel.queue_bind(name.into(), name.into(), KEY.into(), QueueBindOptions::default(), FieldTable::default()).await
}

/// Replicated over the broker's nodes and on disk.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn jobs(settings: &Settings) -> FieldTable {
    let mut arguments = quorum();
    // RabbitMQ before 4.0 has no limit of its own.
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(settings.delivery_limit.into()));
    arguments.insert("x-dead-letter-exchange".into(), text(&settings.dead()));
    arguments.insert("x-dead-letter-routing-key".into(), text(KEY));
    // A dead letter leaves its queue only when the other one has it; the broker asks for this overflow with it.
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn is_unlike(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)))
}
