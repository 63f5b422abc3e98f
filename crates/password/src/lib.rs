//! Passwords: hashing in a bounded pool of its own, the policy, and the count of wrong ones.
//!
//! Argon2id is made to be slow: a core does a few dozen hashes a second. So it runs on threads of its own, away from the
//! threads that answer requests, with a queue that says "busy" instead of growing.

mod attempts;
mod error;
mod hasher;
mod phc;
pub mod policy;
mod pool;
mod settings;
mod tally;

pub use attempts::{Attempt, AttemptSettings, Attempts, TooMany};
pub use error::Error;
pub use hasher::{Hasher, Verdict};
pub use settings::{Settings, SettingsError};
pub use tally::{Place, Standing, Tally};
