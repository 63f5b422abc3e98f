//! The Redis engine of the cache, and what keeps the near tiers of all processes honest.
//!
//! [`open`] gives a process its [`cache::Cache`] by the settings, and the upkeep to run beside it. A Redis that is dead, frozen, empty
//! or wrong about its password costs speed, never an answer: calls have a budget, and after a few failures a breaker answers for it.

mod breaker;
mod engine;
mod feed;
mod follow;
mod memory;
mod metrics;
mod open;
mod ping;
mod pool;
mod requests;
mod settings;
mod tally;
pub mod wire;

pub use engine::Redis;
pub use feed::RedisFeed;
pub use open::{Opened, Upkeep, open};
pub use ping::Unreachable;
pub use settings::{Mode, RedisSettings, Settings, Unusable};
pub use tally::RedisTally;
