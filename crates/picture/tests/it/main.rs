//! Headers, operations and sizes, without a codec.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod headers;
mod made;
mod operations;
mod sizes;
