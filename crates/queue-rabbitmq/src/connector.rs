//! Makes a connection and makes it again, with waits that grow and are partly chance, until the soft signal.
//!
//! lapin's own recovery is not used: it replays what it remembers, and we declare what must be.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties, uri::AMQPUri};
use tokio_util::sync::CancellationToken;

use crate::{Settings, SettingsError};

/// The first wait after a failure.
const FIRST: Duration = Duration::from_millis(100);
/// The longest that one attempt may take, however often the ones before took too long.
const PATIENCE_MAX: Duration = Duration::from_mins(1);
/// The largest frame asked for: a job is a few hundred bytes, and lapin holds 64 frames' worth of buffers a connection, which are 8 MiB
/// with the broker's own 128 KiB. RabbitMQ takes nothing smaller.
const FRAME_BYTES: u32 = 8 * 1024;

/// One end's way to the broker.
pub struct Connector {
    uri: AMQPUri,
    end: &'static str,
    soft: CancellationToken,
    patience: Duration,
    wait_max: Duration,
    failures: u32,
    silences: u32,
}

impl Connector {
    pub fn new(settings: &Settings, end: &'static str, soft: CancellationToken) -> Result<Self, SettingsError> {
        settings.validate()?;
        let mut uri = settings.uri()?;
        uri.query.frame_max.get_or_insert(FRAME_BYTES);
        Ok(Self {
            uri,
            end,
            soft,
            patience: Duration::from_millis(settings.connect_ms),
            wait_max: Duration::from_millis(settings.reconnect_max_ms),
            failures: 0,
            silences: 0,
        })
    }

    /// One attempt, after the wait that the failures before ask for; none after the soft signal.
    pub async fn connect(&mut self) -> Option<Result<Connection, String>> {
        let soft = self.soft.clone();
        let attempt = async {
            if self.failures > 0 {
                tokio::time::sleep(wait(self.failures - 1, self.wait_max, chance())).await;
            }
            self.attempt().await.inspect_err(|reason| self.lost(reason))
        };
        soft.run_until_cancelled(attempt).await
    }

    /// Everything needed is there: the next failure is the first one again.
    pub fn works(&mut self) {
        tracing::info!(queue.end = self.end, queue.failures = self.failures, "connected to the broker");
        gauge(self.end, true);
        (self.failures, self.silences) = (0, 0);
    }

    /// The connection is of no use any more. Logged once an outage.
    pub fn lost(&mut self, reason: &str) {
        gauge(self.end, false);
        if self.failures == 0 {
            tracing::warn!(queue.end = self.end, reason, "the broker is away; it is tried again until it is there");
        } else {
            tracing::debug!(queue.end = self.end, reason, queue.failures = self.failures, "the broker is still away");
        }
        self.failures = self.failures.saturating_add(1);
    }

    async fn attempt(&mut self) -> Result<Connection, String> {
        let name = format!("myriad {}", self.end);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        // An attempt that is given up keeps its thread for as long as the broker keeps the socket open and says nothing, so a silent
        // broker is asked ever more patiently.
        let patience = self.patience.saturating_mul(1 << self.silences.min(6)).min(PATIENCE_MAX.max(self.patience));
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let Ok(connected) = tokio::time::timeout(patience, connecting).await else {
            self.silences = self.silences.saturating_add(1);
            return Err(format!("no connection within {} ms", patience.as_millis()));
        };
        connected.map_err(|error| error.to_string())
    }
}

/// `FIRST`, doubled for each failure, at most `max`; the upper half of it is chance.
pub fn wait(failures: u32, max: Duration, chance: f64) -> Duration {
    let whole = FIRST.saturating_mul(1_u32 << failures.min(16)).min(max);
    whole.mul_f64(0.5 + chance / 2.0)
}

/// A number from 0 to below 1; where the system has none, the middle.
pub fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}

fn gauge(end: &'static str, connected: bool) {
    metrics::gauge!("myriad_queue_connected", "end" => end).set(f64::from(u8::from(connected)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_half_of_each_is_chance() {
        let max = Duration::from_secs(2);
        assert_eq!(wait(0, max, 0.0), Duration::from_millis(50));
        assert_eq!(wait(1, max, 0.0), Duration::from_millis(100));
        for failures in 5..100 {
            assert_eq!(wait(failures, max, 0.0), Duration::from_secs(1));
            assert!(wait(failures, max, chance()) < max);
        }
    }
}
