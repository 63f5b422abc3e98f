//! Passwords, through the public API, with real Argon2.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attempts;
mod hashing;
