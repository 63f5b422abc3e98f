//! The real engines on loopback, each in a directory of its own: what the tests and the local stack run on.

pub mod haproxy;
mod port;
pub mod postgres;
mod rabbitmq;
mod redis;
mod s3;
mod shard_engine;
mod watchdog;
mod wire;

pub use haproxy::{Backend, Haproxy};
pub use port::{free_port, listens};
pub use postgres::Postgres;
pub use rabbitmq::Rabbitmq;
pub use redis::Redis;
pub use s3::S3;
pub use shard_engine::ShardEngine;
pub use wire::{Cut, Wire};
