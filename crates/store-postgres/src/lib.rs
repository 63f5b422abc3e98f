//! PostgreSQL as an engine of the shard store and of the catalog: a few connections that write, a few that can only read, and every
//! transaction in a task of its own, so that nobody who goes away cancels one.
//!
//! Collaborators: a PostgreSQL server whose address comes from the catalog and whose credentials come from the process's settings.

mod bulk;
mod commit;
mod connect;
mod dialect;
mod engine;
mod error;
mod location;
mod metrics;
mod pool;
mod progress;
mod reading;
mod settings;
mod statement;
mod transaction;

pub use engine::Postgres;
pub use location::{Location, NotALocation};
pub use settings::{Settings, Tls};

/// The roles of a deployment, for psql: run once on a server by whoever sets it up. Variables: `router_password`,
/// `user_service_password`, `session_service_password`.
pub const ROLES: &str = include_str!("../../../deploy/postgres/roles.sql");
