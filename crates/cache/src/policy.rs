//! How long each class of data is kept: the one table.

use std::time::Duration;

/// How a class of data is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Name of the class: prefix of its keys, label of its metrics.
    pub class: &'static str,
    /// How long a value is kept, at most.
    pub ttl: Duration,
    /// Which share of `ttl` may be cut at random, 0 to 1, so that what was stored together does not run out together.
    pub jitter: f64,
    /// How long a deletion or an invalidation is remembered: longer than any load may take.
    pub tombstone_ttl: Duration,
}

/// A user row: every change is followed by an invalidation, the time to live bounds the damage of a lost one.
pub const USER: Policy =
    Policy { class: "user", ttl: Duration::from_mins(1), jitter: 0.2, tombstone_ttl: Duration::from_mins(2) };

/// What an image's page shows: changes while the image is worked on, hardly ever after.
pub const IMAGE: Policy =
    Policy { class: "image", ttl: Duration::from_secs(30), jitter: 0.2, tombstone_ttl: Duration::from_mins(2) };

/// A validated session. Revocations made elsewhere are not pushed yet, so times to live are what keeps them under a second, and the
/// gateway's own of 900 ms takes most of it. What is left folds the many gateways that ask about one session into one look.
pub const SESSION: Policy =
    Policy { class: "session", ttl: Duration::from_millis(50), jitter: 0.1, tombstone_ttl: Duration::from_mins(1) };

impl Policy {
    /// The time to live of one value, for a number drawn evenly from 0 to 1.
    pub fn jittered(&self, drawn: f64) -> Duration {
        self.ttl.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * drawn.clamp(0.0, 1.0))
    }
}
