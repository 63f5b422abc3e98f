//! A row of the fault table: what failed, for how long, and what the others felt.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::load::{Kind, Operation};

/// What a fault did.
#[derive(Debug)]
pub struct Row {
    pub fault: String,
    pub operations: usize,
    /// Failures by what was answered.
    pub failures: BTreeMap<String, usize>,
    /// From the fault to the beginning of the last operation that failed.
    pub failing: Duration,
    /// Failures that began later than this after the fault.
    pub late: Vec<String>,
    /// p99 of reads and writes that succeeded, during and before the fault.
    pub p99_ratio: f64,
}

/// The window in which failures are forgiven.
pub const GRACE: Duration = Duration::from_secs(2);

impl Row {
    pub fn of(fault: &str, before: &[Operation], during: &[Operation], at: Instant) -> Self {
        let mut failures = BTreeMap::new();
        let (mut failing, mut late) = (Duration::ZERO, Vec::new());
        for operation in during.iter().filter(|operation| !operation.succeeded()) {
            let what =
                operation.answer.as_ref().map_or("no answer".to_owned(), |(status, code)| format!("{status} {code}"));
            let since = operation.began.saturating_duration_since(at);
            failing = failing.max(since);
            if since > GRACE {
                late.push(format!(
                    "{:?} of shards {:?} after {since:?}: {what} in {:?}",
                    operation.kind, operation.shards, operation.took
                ));
            }
            *failures.entry(format!("{:?} {what}", operation.kind)).or_default() += 1;
        }
        let p99_ratio = p99(during).as_secs_f64() / p99(before).as_secs_f64().max(1e-6);
        Self { fault: fault.to_owned(), operations: during.len(), failures, failing, late, p99_ratio }
    }

    pub fn print(&self) {
        let failures: Vec<_> = self.failures.iter().map(|(what, count)| format!("{count} × {what}")).collect();
        let failures = if failures.is_empty() { "nothing failed".to_owned() } else { failures.join(", ") };
        println!(
            "| {} | {} operations | {failures} | {:.1} s | {:.1} × p99 |",
            self.fault,
            self.operations,
            self.failing.as_secs_f64(),
            self.p99_ratio
        );
    }
}

fn p99(operations: &[Operation]) -> Duration {
    let quick = operations
        .iter()
        .filter(|operation| matches!(operation.kind, Kind::Read | Kind::Write) && operation.succeeded());
    let mut times: Vec<_> = quick.map(|operation| operation.took).collect();
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}
