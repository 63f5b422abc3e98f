//! Reservations past their deadline.

use store::tables::email_claims;

use super::Sweeper;
use crate::{metrics, store::claims::Settled};

/// Reservations looked at in one round of a shard.
const BATCH: u32 = 256;

impl Sweeper {
    /// Settles reservations that are past their deadline at `now_ms`.
    pub async fn sweep_claims(&self, now_ms: i64) {
        for shard in self.recipes.shards().all() {
            let overdue = match email_claims::overdue(&mut shard.read_all(), now_ms, BATCH).await {
                Ok(overdue) => overdue,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, shard.id = %shard.id(), "claims cannot be swept");
                    continue;
                }
            };
            for claim in overdue {
                self.settle(&claim.row.email, now_ms).await;
            }
        }
    }

    async fn settle(&self, email: &str, now_ms: i64) {
        match self.recipes.settle(email, now_ms).await {
            Ok(Settled::Confirmed) => metrics::claim_settled("confirmed"),
            Ok(Settled::Released) => metrics::claim_settled("released"),
            Ok(Settled::Absent | Settled::LeftAlone) => {}
            Err(error) => {
                metrics::claim_settled("failed");
                tracing::warn!(error.code = error.code.as_str(), "a claim cannot be settled now");
            }
        }
    }
}
