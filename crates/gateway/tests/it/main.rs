//! The gateway over real sockets, against services that live in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod access;
mod client;
mod conditional;
mod edge;
mod fake;
mod feed;
mod framing;
mod idempotency;
mod images;
mod input;
mod media;
mod sessions;
mod users;
mod world;
