//! What the tests drive Myriad with: a real server process, an HTTP client that sees everything, people, ledgers.
//!
//! Black box on purpose: nothing here knows a service's insides, so the same suite judges every shape of deployment.

mod answer;
mod api;
pub mod bench;
mod daemon;
pub mod engines;
mod exchange;
mod ledger;
mod person;
mod server;
mod wait;

pub use answer::Answer;
pub use api::{Api, Call};
pub use daemon::{Daemon, Launch, User};
pub use exchange::exchange;
pub use ledger::Ledger;
pub use person::{PASSWORD, Person, unique};
pub use server::{Options, Server};
pub use wait::eventually;
