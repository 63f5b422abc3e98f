//! Every instrument of the service.

use metrics::{counter, gauge, histogram};

/// A sign-up ended: `created`, `replayed`, `taken`, `refused` or `failed`.
pub fn sign_up(outcome: &'static str) {
    counter!("myriad_user_sign_ups_total", "outcome" => outcome).increment(1);
}

/// An outbox event of a kind was `delivered`, `retried`, came back `untouched` or was `unreadable`.
pub fn event(kind: &'static str, outcome: &'static str) {
    counter!("myriad_user_outbox_events_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// How late an event was when it was delivered, in milliseconds after it was due.
#[expect(clippy::cast_precision_loss, reason = "a duration, for a histogram")]
pub fn event_lag(kind: &'static str, late_ms: i64) {
    histogram!("myriad_user_outbox_lag_seconds", "kind" => kind).record(late_ms as f64 / 1_000.0);
}

/// Events of a lane (`jobs`, `others`) that are being delivered.
pub fn in_flight(lane: &'static str, shard: String, count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge; the count is small")]
    gauge!("myriad_user_outbox_in_flight", "lane" => lane, "shard" => shard).set(count as f64);
}

/// A partition was asked for what a stranger is to see: it was a `copy`, it `missed` one, or a partition `failed` to answer.
pub fn partition_read(outcome: &'static str) {
    counter!("myriad_user_partition_reads_total", "outcome" => outcome).increment(1);
}

/// A build of the recent feed ended as `built`, `left` to another instance, or `failed`.
pub fn feed_build(outcome: &'static str) {
    counter!("myriad_user_feed_builds_total", "outcome" => outcome).increment(1);
}

/// Whether the recent feed can be shown: 1, or 0 while it is away or being built.
pub fn feed_complete(complete: bool) {
    gauge!("myriad_user_feed_complete").set(if complete { 1.0 } else { 0.0 });
}

/// The sweeper settled a claim: `confirmed`, `released` or `failed`.
pub fn claim_settled(outcome: &'static str) {
    counter!("myriad_user_claims_settled_total", "outcome" => outcome).increment(1);
}

/// The sweeper removed rows or objects of a kind.
pub fn swept(kind: &'static str, count: u64) {
    counter!("myriad_user_swept_total", "kind" => kind).increment(count);
}

/// An image's job ended as `done` or `failed`, so many seconds after the upload.
pub fn job_finished(outcome: &'static str, seconds: f64) {
    counter!("myriad_user_jobs_finished_total", "outcome" => outcome).increment(1);
    histogram!("myriad_user_job_seconds", "outcome" => outcome).record(seconds);
}
