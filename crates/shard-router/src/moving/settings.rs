//! How moves are done: how many at once, how long what may take.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Settings of moves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Buckets that move together: more are fewer transactions and a longer pause.
    pub batch: usize,
    /// Moves that one router has under way at once; 0: this router moves nothing.
    pub parallel: usize,
    /// Rows of a page.
    pub page_rows: u32,
    /// How long a move rests for each second that it works, in seconds: 0 is as fast as it goes. Not while writers wait.
    pub nice_ratio: f64,
    /// How long writes to a bucket may wait before the move is undone, in milliseconds.
    pub max_pause_ms: u64,
    /// How long a move can be reverted after its commit, in milliseconds. The source's rows are kept so long.
    pub grace_ms: i64,
    /// How long a router that fell silent keeps its moves, in milliseconds.
    pub lease_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch: 16,
            parallel: 2,
            page_rows: 256,
            nice_ratio: 0.0,
            max_pause_ms: 500,
            grace_ms: 60_000,
            lease_ms: 10_000,
        }
    }
}

impl Settings {
    pub(crate) fn validate(&self) -> Result<()> {
        ensure!((1..=256).contains(&self.batch), "moves.batch is {}: it must be from 1 to 256", self.batch);
        ensure!(self.parallel <= 64, "moves.parallel is {}: it must be from 0 to 64", self.parallel);
        ensure!(
            (16..=10_000).contains(&self.page_rows),
            "moves.page_rows is {}: it must be from 16 to 10000",
            self.page_rows
        );
        ensure!(
            (0.0..=100.0).contains(&self.nice_ratio),
            "moves.nice_ratio is {}: it must be from 0 to 100",
            self.nice_ratio
        );
        ensure!(
            (10..=60_000).contains(&self.max_pause_ms),
            "moves.max_pause_ms is {}: it must be from 10 to 60000",
            self.max_pause_ms
        );
        ensure!(self.grace_ms >= 0, "moves.grace_ms is {}: it must not be negative", self.grace_ms);
        ensure!(
            (1000..=600_000).contains(&self.lease_ms),
            "moves.lease_ms is {}: it must be from 1000 to 600000",
            self.lease_ms
        );
        Ok(())
    }
}
