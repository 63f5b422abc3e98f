//! What repeats may cost: a tenth of the calls, so that a service in trouble is not asked twice as much as before.

use std::sync::atomic::{AtomicI64, Ordering};

/// A repeat costs as much as this many calls earn: 10 %.
const PRICE: i64 = 10;
/// Repeats that can be saved up: what may be on its way to one server when it dies.
const SAVED: i64 = 64;

/// Counts in tenths of a repeat. Full at first.
#[derive(Debug)]
pub(super) struct Budget(AtomicI64);

impl Budget {
    pub const fn new() -> Self {
        Self(AtomicI64::new(SAVED * PRICE))
    }

    /// A call begins.
    pub fn earn(&self) {
        let more = |left: i64| (left < SAVED * PRICE).then_some(left + 1);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes a repeat, where there is one left.
    pub fn spend(&self) -> bool {
        let less = |left: i64| (left >= PRICE).then_some(left - PRICE);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_a_tenth_of_the_calls_beyond_what_was_saved() {
        let budget = Budget::new();
        let repeats = (0..10_000)
            .filter(|_| {
                budget.earn();
                budget.spend()
            })
            .count();
        assert!((1_000..=1_072).contains(&repeats), "{repeats}");
    }
}
