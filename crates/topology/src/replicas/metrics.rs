//! What is counted of a shard's servers, each by itself.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use model::ShardId;

use super::rotation::Report;

/// One server's instruments.
pub(super) struct Node {
    pub(super) reads: Counter,
    /// Reads that failed there and were answered by the primary.
    pub(super) failed: Counter,
    serving: Gauge,
    lag_bytes: Gauge,
    lag_seconds: Gauge,
}

impl Node {
    /// `node` is a location, or `primary`.
    pub(super) fn new(shard: ShardId, node: &str) -> Self {
        describe_counter!("myriad_shard_reads_total", "Reads that only show something, by the server that was chosen");
        describe_counter!(
            "myriad_replica_failed_reads_total",
            "Reads that failed on a replica and went to the primary"
        );
        describe_gauge!("myriad_replica_serving", "1 while a replica is read from");
        describe_gauge!("myriad_replica_lag_bytes", "Log that a replica has not replayed");
        describe_gauge!("myriad_replica_lag_seconds", "For how long a replica has missed something");
        let labels = [("shard", shard.to_string()), ("node", node.to_owned())];
        Self {
            reads: counter!("myriad_shard_reads_total", &labels),
            failed: counter!("myriad_replica_failed_reads_total", &labels),
            serving: gauge!("myriad_replica_serving", &labels),
            lag_bytes: gauge!("myriad_replica_lag_bytes", &labels),
            lag_seconds: gauge!("myriad_replica_lag_seconds", &labels),
        }
    }

    pub(super) fn report(&self, report: Report) {
        self.serving.set(if report.serving { 1.0 } else { 0.0 });
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        self.lag_bytes.set(report.lag_bytes as f64);
        self.lag_seconds.set(report.lag.as_secs_f64());
    }
}
