//! User traffic goes first: when a shard answers more slowly than it can, its mover leaves it alone for as long as the answer took.

use std::time::Duration;

use tokio::time::Instant;

/// Rows that may take as long as the best answer took.
const PAGE: usize = 256;
/// How much slower than the best an answer may be before the mover steps back.
const SLOWER: u32 = 4;
/// What is never slow.
const FAST: Duration = Duration::from_millis(5);
/// The longest rest.
const REST: Duration = Duration::from_millis(250);

/// The pace of one move.
#[derive(Debug, Default)]
pub(super) struct Pace {
    best: Option<Duration>,
}

impl Pace {
    /// Notes how long `rows` took that were asked for at `since`; says how long to rest. Many rows may take longer than few.
    pub(super) fn rest(&mut self, since: Instant, rows: usize) -> Duration {
        self.note(since.elapsed() / u32::try_from(rows.div_ceil(PAGE)).unwrap_or(u32::MAX).max(1))
    }

    fn note(&mut self, took: Duration) -> Duration {
        let best = self.best.map_or(took, |best| best.min(took));
        self.best = Some(best);
        if took <= FAST || took <= best * SLOWER { Duration::ZERO } else { took.min(REST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_followed_by_a_rest_as_long() {
        let mut pace = Pace::default();
        let ms = Duration::from_millis;
        assert_eq!(pace.note(ms(8)), Duration::ZERO);
        assert_eq!(pace.note(ms(20)), Duration::ZERO);
        assert_eq!(pace.note(ms(40)), ms(40));
        assert_eq!(pace.note(ms(2000)), REST);
        assert_eq!(pace.note(ms(5)), Duration::ZERO, "fast is fast, whatever was the best");
    }
}
