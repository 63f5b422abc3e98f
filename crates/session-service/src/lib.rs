//! Sign-in sessions: who is signed in, and until when.
//!
//! Serves `myriad.session.v1.SessionService`. The shards' rows are the truth; what the cache says is at most 50 ms old.
//! Works with the shards (accounts, sessions, recorded answers), the token keys, the password hasher and the cache, all given to
//! [`App::build`].

mod app;
mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
mod process;
mod sessions;
mod store;
mod sweeper;
mod touches;

pub use app::{App, Clock, Collaborators, SERVICE};
pub use config::{Config, Settings};
pub use process::run;
