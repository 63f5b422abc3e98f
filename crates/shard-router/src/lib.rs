//! The catalog of a cluster: its shards, which of them owns which bucket since which epoch, pins, and the blocks of user ids.
//!
//! Serves `myriad.topology.v1.TopologyService` to services and `myriad.growth.v1.GrowthService` to operators, and moves buckets. Collaborators: the catalog's database (an engine of the `store` crate) and an
//! [`topology::Opener`] for the shards, whose identity it checks at every start. Nobody asks it during a request: services
//! hold the map themselves and go on when this process is down.

mod app;
mod bootstrap;
mod config;
mod domain;
mod error;
mod growth;
mod grpc;
mod metrics;
mod moving;
mod store;

pub use app::{App, GROWTH_SERVICE, SERVICE};
pub use config::Config;
pub use domain::{block::MAX_BLOCK, change::Refused};
pub use error::{Error, Result};
pub use moving::Settings as MoveSettings;
pub use store::catalog::{Block, Catalog};
