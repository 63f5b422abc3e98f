//! Every instrument of the worker.

use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::domain::failure::Failure;

/// The worker's instruments.
#[derive(Clone)]
pub struct Metrics {
    done: Counter,
    failed: Counter,
    retried: Counter,
    over: Counter,
    released: Counter,
    transform_seconds: Histogram,
    megapixels: Gauge,
}

impl Metrics {
    pub fn new() -> Self {
        describe_counter!("myriad_worker_jobs_total", "Jobs by how they left the worker");
        describe_counter!("myriad_worker_failures_total", "Failed attempts by code");
        describe_histogram!("myriad_worker_transform_seconds", metrics::Unit::Seconds, "Time of one transformation");
        describe_gauge!("myriad_worker_megapixels_in_flight", "Megapixels of sources that are worked on");
        let jobs = |outcome: &'static str| counter!("myriad_worker_jobs_total", "outcome" => outcome);
        Self {
            done: jobs("done"),
            failed: jobs("failed"),
            retried: jobs("retried"),
            over: jobs("over"),
            released: jobs("released"),
            transform_seconds: histogram!("myriad_worker_transform_seconds"),
            megapixels: gauge!("myriad_worker_megapixels_in_flight"),
        }
    }

    pub fn finished(&self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done.increment(1),
            Outcome::Failed => self.failed.increment(1),
            Outcome::Retried => self.retried.increment(1),
            Outcome::Over => self.over.increment(1),
            Outcome::Released => self.released.increment(1),
        }
    }

    pub fn transformed(&self, took: Duration) {
        self.transform_seconds.record(took.as_secs_f64());
    }

    pub fn begun(&self, megapixels: u32) {
        self.megapixels.increment(f64::from(megapixels));
    }

    pub fn ended(&self, megapixels: u32) {
        self.megapixels.decrement(f64::from(megapixels));
    }
}

/// Counts a failed attempt by its code.
pub fn attempt_failed(failure: &Failure) {
    counter!("myriad_worker_failures_total", "code" => failure.code.clone()).increment(1);
}

/// How a job left the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The image is done.
    Done,
    /// The image has failed for good.
    Failed,
    /// It is to be tried again.
    Retried,
    /// There was nothing left to do.
    Over,
    /// Given back untouched.
    Released,
}
