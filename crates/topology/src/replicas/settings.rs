//! Settings of reads from replicas.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How replicas are watched and how far behind they may be. Durations are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How often each server of a shard that has replicas is asked how far it is.
    pub poll_ms: u32,
    /// How far a replica may be behind the primary and still be read from by callers who have written nothing lately.
    pub max_lag_ms: u32,
    /// How long a read waits for a replica that has not yet replayed what its caller has written; then the primary is asked.
    pub wait_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { poll_ms: 50, max_lag_ms: 1_000, wait_ms: 500 }
    }
}

impl Settings {
    /// Checks the bounds.
    ///
    /// # Errors
    /// A sentence that names the setting within `engines`.
    pub fn validate(&self) -> Result<(), String> {
        let bounds = [
            ("poll_ms", self.poll_ms, 10, 1_000),
            ("max_lag_ms", self.max_lag_ms, 50, 600_000),
            ("wait_ms", self.wait_ms, 0, 500),
        ];
        for (name, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(format!("replicas.{name} is {value}: it must be from {least} to {most}"));
            }
        }
        Ok(())
    }

    pub(super) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms.into())
    }

    pub(super) fn max_lag(&self) -> Duration {
        Duration::from_millis(self.max_lag_ms.into())
    }

    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let refused = Settings { wait_ms: 501, ..Settings::default() }.validate().unwrap_err();
        assert_eq!(refused, "replicas.wait_ms is 501: it must be from 0 to 500");
    }
}
