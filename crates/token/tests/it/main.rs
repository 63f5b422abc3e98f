//! Tokens and their keys, through the public API.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod keys_file;
mod tokens;
