//! What operators can set, with the floor that they cannot go below.

use serde::{Deserialize, Serialize};

/// The floor: OWASP's smallest Argon2id recommendation (19 MiB, 2 passes, 1 lane).
pub(crate) const MEMORY_FLOOR_KIB: u32 = 19 * 1024;
const PASSES_FLOOR: u32 = 2;
/// The ceiling keeps a slip of the keyboard, or a damaged row, from taking the machine's memory.
pub(crate) const MEMORY_CEILING_KIB: u32 = 1024 * 1024;
const PASSES_CEILING: u32 = 64;
const LANES_CEILING: u32 = 16;

/// How passwords are hashed. Raising `memory_kib` or `passes` rehashes each password when its owner next signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Argon2id memory of one hash, in KiB; 19456 at least.
    pub memory_kib: u32,
    /// Argon2id passes over the memory; 2 at least.
    pub passes: u32,
    /// Argon2id lanes. They are worked off one after the other: more lanes do not make a hash faster here.
    pub lanes: u32,
    /// Threads that hash; each holds `memory_kib` while it is in use. One leaves a two-core machine a core for everything else.
    pub threads: usize,
    /// Passwords that may wait for a thread; beyond, callers are told that we are busy.
    pub queue: usize,
    /// How long an idle thread keeps its memory, in milliseconds.
    pub idle_release_ms: u64,
    /// By how much hashing gives way to everything else in the process (Unix niceness, 0 to 19).
    pub niceness: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_kib: MEMORY_FLOOR_KIB,
            passes: PASSES_FLOOR,
            lanes: 1,
            threads: 1,
            queue: 64,
            idle_release_ms: 5_000,
            niceness: 5,
        }
    }
}

/// A setting that cannot be used: which one and what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("password.{key} is {found}: {rule}")]
pub struct SettingsError {
    key: &'static str,
    found: i64,
    rule: &'static str,
}

impl Settings {
    /// Whether these settings can be used.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let check = |key, found: i64, low: i64, high: i64, rule| {
            if (low..=high).contains(&found) { Ok(()) } else { Err(SettingsError { key, found, rule }) }
        };
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        check(
            "memory_kib",
            self.memory_kib.into(),
            MEMORY_FLOOR_KIB.into(),
            MEMORY_CEILING_KIB.into(),
            "use 19456 (19 MiB) to 1048576 (1 GiB); less makes stolen hashes cheap to guess",
        )?;
        check("passes", self.passes.into(), PASSES_FLOOR.into(), PASSES_CEILING.into(), "use 2 to 64")?;
        check("lanes", self.lanes.into(), 1, LANES_CEILING.into(), "use 1 to 16")?;
        check("threads", count(self.threads), 1, 256, "use 1 to 256, fewer than there are cores")?;
        check("queue", count(self.queue), 1, 100_000, "use 1 to 100000")?;
        check("niceness", self.niceness.into(), 0, 19, "use 0 to 19")
    }
}
