//! How long each class of data is kept: the one table.

use std::time::Duration;

/// How a class of data is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Name of the class: prefix of its keys, label of its metrics.
    pub class: &'static str,
    /// How long a value is kept in this process, at most. Under a shared engine the near tier's own bound comes on top.
    pub ttl: Duration,
    /// How long a value is kept in an engine that all processes share, at most.
    pub shared_ttl: Duration,
    /// Which share of the times to live may be cut at random, 0 to 1, so that what was stored together does not run out together.
    pub jitter: f64,
    /// How long a deletion or an invalidation is remembered: longer than any load may take, and than any value is kept.
    pub tombstone_ttl: Duration,
}

/// How long an entry may be kept, by tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// In this process.
    pub near: Duration,
    /// In an engine that all processes share.
    pub shared: Duration,
}

/// A user row: every change is followed by an invalidation, the time to live bounds the damage of a lost one.
pub const USER: Policy = Policy {
    class: "user",
    ttl: Duration::from_mins(1),
    shared_ttl: Duration::from_mins(1),
    jitter: 0.2,
    tombstone_ttl: Duration::from_mins(2),
};

/// What an image's page shows: changes while the image is worked on, hardly ever after.
pub const IMAGE: Policy = Policy {
    class: "image",
    ttl: Duration::from_secs(30),
    shared_ttl: Duration::from_secs(30),
    jitter: 0.2,
    tombstone_ttl: Duration::from_mins(2),
};

/// A validated session.
///
/// An end is written to the shared engine in the call that ends the session, so what is kept there is never answered after it; where
/// that engine could not be told, its time to live is the bound. In this process the time to live alone is: the gateway's own of
/// 900 ms takes most of the second that a revocation may take, what is left folds the many gateways that ask about one session into
/// one look. Together: 900 + 50 ms healthy, 29,000 + 50 + 900 ms in a fault.
pub const SESSION: Policy = Policy {
    class: "session",
    ttl: Duration::from_millis(50),
    shared_ttl: Duration::from_secs(29),
    jitter: 0.1,
    tombstone_ttl: Duration::from_mins(1),
};

impl Policy {
    /// The times to live of one value, for a number drawn evenly from 0 to 1.
    pub fn jittered(&self, drawn: f64) -> Ttl {
        let left = 1.0 - self.jitter.clamp(0.0, 1.0) * drawn.clamp(0.0, 1.0);
        Ttl { near: self.ttl.mul_f64(left), shared: self.shared_ttl.mul_f64(left) }
    }

    /// A time to live of one's own choosing, which is never longer than the class says.
    pub fn at_most(&self, wanted: Duration) -> Ttl {
        Ttl { near: wanted.min(self.ttl), shared: wanted.min(self.shared_ttl) }
    }

    /// Deletions and invalidations are remembered alike everywhere.
    pub(crate) const fn tombstone(&self) -> Ttl {
        Ttl { near: self.tombstone_ttl, shared: self.tombstone_ttl }
    }
}
