//! The read model of the recent feed: every finished picture, newest first, with all that is shown of it, so that a page costs one
//! look-up and no shard is asked. A seam with two engines: in this process, and in Redis (`cache-redis`).
//!
//! The shards are the truth; the model is told what became of a picture or a name *now*, so it may be told twice and in any order.
//! What keeps that right is here, in each engine in one atomic step:
//! - a picture that was removed is remembered for [`GONE_MS`], and refused by a late [`Engine::put`];
//! - names carry the user's version, and an older one never replaces a newer one.
//!
//! The model may vanish. So it knows whether it is complete, and is built again by one builder at a time.

#[cfg(feature = "contract")]
pub mod contract;
mod engine;
mod in_process;
mod picture;
mod place;

pub use engine::{BoxFuture, Engine, Error};
pub use in_process::InProcess;
pub use picture::{Names, Page, Picture};
pub use place::Place;

/// For so many milliseconds a removed picture is refused: longer than anything that was read before its removal may be on its way.
pub const GONE_MS: i64 = 600_000;

/// Removed pictures remembered at once; beyond, those removed longest ago are forgotten.
pub const GONE_MAX: usize = 100_000;
