//! One number for all rows of a table in a bucket, computed where the rows are: two shards of one engine are compared without reading
//! their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use model::Bucket;

use super::{in_chunks, statements};
use crate::{Engine, Result};

/// How an engine hashes rows.
#[derive(Debug)]
pub struct Digest {
    aggregate: &'static str,
    sql: OnceLock<String>,
}

impl Digest {
    /// From an aggregate over rows that gives a BIGINT: another one, as good as surely, where one row is another. `{row}` stands for the
    /// columns.
    pub const fn new(aggregate: &'static str) -> Self {
        Self { aggregate, sql: OnceLock::new() }
    }

    /// As [`statements::COUNTS`], with the digest after the number.
    fn sql(&'static self) -> &'static str {
        let digest = |columns: &str| vec![self.aggregate.replace("{row}", columns)];
        self.sql.get_or_init(|| statements::by_bucket_and_table(digest))
    }
}

/// Number and digest of some buckets' rows, by bucket and the table's place in `tables`, where there are any. None: the engine does not hash.
pub async fn digests(
    engine: &dyn Engine,
    buckets: &BTreeSet<Bucket>,
) -> Result<Option<BTreeMap<(Bucket, usize), (u64, i64)>>> {
    let Some(digest) = engine.dialect().digest else { return Ok(None) };
    let mut found = BTreeMap::new();
    for row in in_chunks(engine, digest.sql(), buckets).await? {
        if let Some((key, count)) = statements::count(&row)? {
            found.insert(key, (count, row.int(3)?));
        }
    }
    Ok(Some(found))
}
