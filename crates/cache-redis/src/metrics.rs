//! What Redis was asked and how it answered.

use ::metrics::{counter, gauge, histogram};
use std::time::Duration;

/// How a call ended.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Answered.
    Ok,
    /// Not within the budget.
    Timeout,
    /// With an error.
    Error,
    /// Not made: the breaker is open.
    Refused,
}

pub(crate) fn call(command: &'static str, outcome: Outcome, took: Option<Duration>) {
    let word = match outcome {
        Outcome::Ok => "ok",
        Outcome::Timeout => "timeout",
        Outcome::Error => "error",
        Outcome::Refused => "refused",
    };
    counter!("myriad_cache_redis_calls_total", "command" => command, "outcome" => word).increment(1);
    if let Some(took) = took {
        histogram!("myriad_cache_redis_call_seconds", "command" => command).record(took);
    }
}

/// 1 while nothing is asked.
pub(crate) fn breaker_open(open: bool) {
    gauge!("myriad_cache_redis_breaker_open").set(if open { 1.0 } else { 0.0 });
}

/// Bytes that Redis uses, and its limit (0: none).
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(crate) fn memory(used: u64, limit: u64) {
    gauge!("myriad_cache_redis_used_bytes").set(used as f64);
    gauge!("myriad_cache_redis_limit_bytes").set(limit as f64);
}

/// 1 while messages of other processes are heard.
pub(crate) fn subscribed(subscribed: bool) {
    gauge!("myriad_cache_redis_subscribed").set(if subscribed { 1.0 } else { 0.0 });
}

/// A message was heard.
pub(crate) fn heard() {
    counter!("myriad_cache_redis_heard_total").increment(1);
}

/// A value that Redis took up too late to keep: it was frozen, or its clock is ahead of ours.
pub(crate) fn too_late() {
    counter!("myriad_cache_redis_too_late_total").increment(1);
}
