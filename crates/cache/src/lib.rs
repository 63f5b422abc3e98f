//! The cache: versioned entries by class of data, one load for many callers, and a seam for the engine behind it.
//!
//! A cache may forget anything at any time and nothing is lost: the shard's row is the truth. What it may not do is go back: an
//! entry never replaces a newer one, and what an invalidation has outdated never comes back. So an entry has a version, and the
//! entries of a key form one order of which the cache keeps the greatest it has seen (see [`Entry`]).

mod class;
#[cfg(feature = "contract")]
pub mod contract;
mod engine;
mod entry;
mod flight;
mod in_process;
pub mod keys;
mod metrics;
pub mod policy;
mod tiered;
mod tiers;

pub use class::{Cache, Class, Value};
pub use engine::{BoxFuture, Engine, Error, Lease};
pub use entry::{Entry, State, Version};
pub use in_process::{InProcess, Settings};
pub use policy::{Policy, Ttl};
pub use tiered::Tiered;
