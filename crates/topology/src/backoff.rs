//! Waiting times between attempts: they double up to a bound, each drawn at random from its upper half, so that processes which
//! lost the router together do not come back together.

use std::time::Duration;

/// The waiting times of one series of attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    last: Duration,
    next: Duration,
    seed: u64,
}

impl Backoff {
    /// Begins with about `first` and never waits longer than `last`.
    pub(crate) fn new(first: Duration, last: Duration) -> Self {
        let mut seed = [0; 8];
        // Where the system gives no randomness, processes come back together: no reason to fail.
        let _ = model::random::fill(&mut seed);
        Self { first, last, next: first, seed: u64::from_le_bytes(seed) | 1 }
    }

    /// How long to wait now.
    pub(crate) fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.last);
        // xorshift64*
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        let drawn = u32::try_from(self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 48).unwrap_or(0);
        whole / 2 + (whole / 2) * drawn / 0xFFFF
    }

    /// An attempt succeeded: the next series begins anew.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_stay_in_their_upper_half() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(400));
        for whole in [50, 100, 200, 400, 400] {
            let wait = backoff.wait();
            assert!(wait >= Duration::from_millis(whole / 2) && wait <= Duration::from_millis(whole), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(50));
    }
}
