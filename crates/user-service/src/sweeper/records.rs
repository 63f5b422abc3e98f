//! Recorded answers and consumed messages past their time.

use store::{
    Shard,
    tables::{idempotency, inbox},
};

use super::Sweeper;
use crate::metrics;

/// Buckets worked on in one round of a shard.
const BATCH: u32 = 4_096;

impl Sweeper {
    /// Removes what has expired at `now_ms`.
    pub async fn sweep_records(&self, now_ms: i64) {
        for shard in self.recipes.shards().all() {
            if let Err(error) = sweep(&shard, now_ms).await {
                tracing::warn!(error = &error as &dyn std::error::Error, shard.id = %shard.id(), "records cannot be swept");
            }
        }
    }
}

async fn sweep(shard: &Shard, now_ms: i64) -> store::Result<()> {
    for own in idempotency::expired(&mut shard.read_all(), now_ms, BATCH).await? {
        let purged = shard.write(own, move |tx| Box::pin(async move { idempotency::purge(tx, now_ms).await })).await?;
        metrics::swept("idempotency", purged.value as u64);
    }
    for own in inbox::expired(&mut shard.read_all(), now_ms, BATCH).await? {
        let purged = shard.write(own, move |tx| Box::pin(async move { inbox::purge(tx, now_ms).await })).await?;
        metrics::swept("inbox", purged.value as u64);
    }
    Ok(())
}
