//! What every process of Myriad does alike: configuration, logs and traces, health, gRPC serving, shutdown.
//!
//! A service's `main` hands its configuration type and a function to [`process::main`] and gets a [`process::Process`].

pub mod config;
pub mod context;
pub mod faults;
pub mod grpc;
pub mod ops;
pub mod process;
pub mod ready;
pub mod shutdown;
pub mod telemetry;
