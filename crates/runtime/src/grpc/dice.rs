//! Waiting times by chance.

use std::time::Duration;

/// Four to six fifths of a duration, so that what began together does not stay together.
pub(super) fn around(duration: Duration) -> Duration {
    duration.mul_f64(0.8 + 0.4 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_stays_within_a_fifth() {
        let waits: Vec<u128> = (0..1000).map(|_| around(Duration::from_secs(10)).as_millis()).collect();
        assert!(waits.iter().all(|wait| (8_000..=12_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < 9_000) && waits.iter().any(|wait| *wait > 11_000), "{waits:?}");
    }
}
