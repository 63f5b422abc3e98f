//! The RabbitMQ engine of the job queue: a quorum queue, confirmed publishing, and ends that find the broker again by themselves.
//!
//! [`Publisher`] answers `Ok` once the broker has the job on disk; [`Consumer`] hands jobs out and takes the verdicts back. Each has one connection,
//! made and remade by a task of its own.

mod connector;
mod consumer;
mod message;
mod publisher;
mod settings;
mod topology;

pub use consumer::Consumer;
pub use publisher::Publisher;
pub use settings::{Settings, SettingsError};
