//! What the worker and the transforming process say to each other: one line of JSON each way.
//!
//! The process reads its spec as the first line of stdin, which then stays open: its end tells an orphan to end too. It writes
//! output number `n` to the file `n` in the directory given, and its report to stdout. The worker takes no path from it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The uploaded file.
    pub source: PathBuf,
    /// Where the outputs go: an empty directory.
    pub outputs: PathBuf,
    /// `{"variants": {name: [operation, …]}}`.
    pub request: Value,
    /// What it may use.
    pub limits: Limits,
}

/// What a transformation may use.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Memory (address space) beyond what the process starts with.
    pub memory_bytes: u64,
    /// Processor time.
    pub cpu_s: u64,
    /// Size of one output file.
    pub file_bytes: u64,
    /// How far to stand back, 0 to 19.
    pub niceness: u8,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// All outputs are there, in the request's order.
    Made(Vec<Made>),
    /// The picture or the request is at fault.
    Refused {
        /// `UPPER_SNAKE`.
        code: String,
        /// What to do.
        detail: String,
    },
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The variant's name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `jpeg`, `png`, `webp` or `avif`.
    pub format: String,
}
