//! The tables of a shard: one file each, with its columns, its row and the statements used on it.
//!
//! Reading functions take any `Query`; writing ones take a `BucketTx`, which keeps them to its bucket and logs what they change.

pub mod bucket_owner;
pub mod change_log;
pub mod credentials;
pub mod email_claims;
pub mod idempotency;
pub mod images;
pub mod inbox;
pub mod outbox;
pub mod sessions;
pub mod users;

use crate::{Error, Ownership, Result, Row};

/// A row found by a search over all buckets, with the ownership needed to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// Bucket and epoch of the owner row at the time.
    pub own: Ownership,
    /// The row.
    pub row: T,
}

/// Reads bucket and epoch from the first two columns.
fn ownership(row: &Row) -> Result<Ownership> {
    Ok(Ownership { bucket: row.bucket(0)?, epoch: row.epoch(1)? })
}

fn json(text: &str) -> Result<serde_json::Value> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt(format!("a column's JSON: {error}")))
}

/// A sortable id: 48 bits of the time and 80 random ones. Two of one millisecond have no order.
///
/// Errors: `Unavailable` where the system gives no randomness.
pub fn fresh_id(now_ms: i64) -> Result<[u8; 16]> {
    let mut id = [0; 16];
    model::random::fill(&mut id[6..]).map_err(|error| Error::Unavailable(format!("no random bytes: {error}")))?;
    id[..6].copy_from_slice(&now_ms.to_be_bytes()[2..]);
    Ok(id)
}
