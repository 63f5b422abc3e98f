//! Hearing other processes: what they bury is buried in this process's near tier.
//!
//! Redis keeps no messages for those who are away. So whenever a subscription begins, near values from before it are not trusted any
//! more. A subscription that has died unnoticed is found by a PING a second; until then near times to live bound what is answered.

use std::time::Duration;

use cache::Tiered;
use futures::StreamExt as _;
use redis::aio::PubSub;
use redis::{RedisError, RedisResult};
use tokio::time::{sleep, timeout};

use crate::engine::Failure;
use crate::{Redis, metrics, ping, wire};

const PATIENCE: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Hears the other processes for as long as it is polled.
pub(crate) async fn follow(redis: &Redis, tiered: &Tiered) {
    let mut pause = PAUSE_MIN;
    loop {
        match subscribe(redis).await {
            Ok(subscription) => {
                // Confirmed: from here on nothing is missed.
                tiered.distrust();
                metrics::subscribed(true);
                pause = PAUSE_MIN;
                listen(subscription, tiered).await;
                metrics::subscribed(false);
                tracing::debug!("the subscription to invalidations is lost; it is made again");
            }
            Err(failure) => {
                let error = ping::explain(&failure);
                tracing::debug!(error, "invalidations cannot be subscribed to");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn subscribe(redis: &Redis) -> Result<PubSub, Failure> {
    let subscribing = async {
        let mut subscription = redis.client().get_async_pubsub().await?;
        subscription.subscribe(redis.channel()).await?;
        RedisResult::Ok(subscription)
    };
    match timeout(PATIENCE, subscribing).await {
        Ok(subscribed) => subscribed.map_err(Failure::Answer),
        Err(_) => Err(Failure::Timeout(PATIENCE)),
    }
}

/// Returns when the subscription is lost.
async fn listen(subscription: PubSub, tiered: &Tiered) {
    let (mut sink, mut messages) = subscription.split();
    let hear = async {
        while let Some(message) = messages.next().await {
            metrics::heard();
            match wire::decode_message(message.get_payload_bytes()) {
                Some((key, entry)) => tiered.hear(key, entry).await,
                // Of another release: it may be about anything.
                None => tiered.distrust(),
            }
        }
    };
    let beat = async {
        loop {
            sleep(PING_EVERY).await;
            let answer: Result<RedisResult<redis::Value>, _> = timeout(PATIENCE, sink.ping()).await;
            if !matches!(answer, Ok(Ok(_))) {
                break;
            }
        }
        Option::<RedisError>::None
    };
    tokio::select! {
        () = hear => {}
        _ = beat => {}
    }
}
