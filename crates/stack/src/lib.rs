//! The scaled shape on one machine: real engines and every service as a process of its own, on loopback, in one directory.
//!
//! `make stack-up` runs it for people; the API suite, the fault table and the benchmarks run it for tests. What production does
//! with Kubernetes is done here with child processes, by the same binaries and the same configuration files.

mod configs;
mod http;
mod layout;
mod member;
mod stack;

pub mod supervisor;

pub use layout::{Layout, Options, Place, Role};
pub use member::Member;
pub use stack::Stack;
