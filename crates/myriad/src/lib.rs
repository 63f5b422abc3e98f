//! All of Myriad in one process, and the command line.
//!
//! `serve` runs the five services behind in-memory connections on embedded engines; `demo`, `admin`, `feed` and `growth` talk to a running
//! server.

pub mod admin;
pub mod config;
pub mod demo;
pub mod feed;
pub mod growth;
pub mod hot;
pub mod operator;
pub mod seed;
pub mod serve;
