//! The gateway: the public HTTP/JSON edge, the origin of pictures, and the web page.
//!
//! Stateless. It talks HTTP/1.1 to clients and gRPC to user-service and session-service, and reads and writes the object store.
//! Its port is the public one; operators' calls are never here.

pub mod accept;
pub mod access;
pub mod app;
pub mod assets;
pub mod caller;
pub mod conditional;
pub mod config;
pub mod consistency;
pub mod context;
pub mod cookies;
pub mod cors;
pub mod cursor;
pub mod edge;
pub mod error;
pub mod fields;
pub mod html;
pub mod idempotency;
pub mod json;
pub mod limits;
pub mod openapi;
pub mod page;
pub mod ratelimit;
pub mod routes;
pub mod server;
pub mod table;
pub mod trace;
pub mod views;

pub use app::{App, Deps, Gateway};
pub use config::Config;
