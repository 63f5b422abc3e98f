//! The cache, through its public API, on the engine in process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod flights;
mod versions;

use bytes::Bytes;
use cache::{Cache, Class, Policy, Settings, policy};

/// A class that keeps what it is given for the length of a test.
fn class() -> Class<Bytes> {
    Cache::in_process(Settings::default()).class(Policy { ..policy::USER })
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
