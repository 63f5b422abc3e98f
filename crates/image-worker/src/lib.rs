//! The image worker: takes jobs, transforms pictures in processes that may die alone, stores what they made, reports.
//!
//! Ports: the operators' port only. Collaborators: a [`queue::Consumer`], the object store, `ImageService` of user-service.
//! A job may be delivered any number of times; its effects happen once, because objects are named by their content and the
//! image's row changes once.

pub mod app;
pub mod config;
pub mod transform;

mod child;
mod domain;
mod error;
mod images;
mod job;
mod metrics;
mod outputs;
mod protocol;
mod scratch;
mod stop;

pub use app::{App, Collaborators};
pub use config::{Config, Settings};
