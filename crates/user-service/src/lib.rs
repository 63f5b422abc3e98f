//! Users, their e-mail directory and their pictures' metadata, with the outbox that tells the rest of the system.
//!
//! Serves `UserService`, `DirectoryService`, `ImageService` and `FeedService` to the other processes and `OperatorService` on the
//! operators' port. Collaborators: the shards (through `topology`), the cache, the recent feed, the job queue, the object store
//! (deletions only).

pub mod app;
pub mod config;
pub mod copies;
pub mod domain;
pub mod grpc;
mod metrics;
pub mod notices;
pub mod outbox;
pub mod recent;
pub mod standalone;
pub mod store;
pub mod sweeper;
pub mod watch;

pub use app::{App, Collaborators, OPERATOR_SERVICE, SERVICES};
pub use config::Config;
