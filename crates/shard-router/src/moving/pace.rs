//! User traffic goes first: a move rests for each of its calls as long as is set, in proportion to what the call took; and where a shard
//! answers more slowly than it can, for as long as the answer took.

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
#[derive(Debug)]
pub(super) struct Pace {
    nice_ratio: f64,
    best: Option<Duration>,
}

impl Pace {
    pub(super) const fn new(nice_ratio: f64) -> Self {
        Self { nice_ratio, best: None }
    }

    /// How long to rest after work that began at `since`.
    pub(super) fn after(&self, since: Instant) -> Duration {
        self.nice(since.elapsed())
    }

    /// The same after `rows` that were asked of the source; notes how long they took. Many may take longer than few.
    pub(super) fn after_page(&mut self, since: Instant, rows: usize) -> Duration {
        let took = since.elapsed();
        self.note(took / u32::try_from(rows.div_ceil(PAGE)).unwrap_or(u32::MAX).max(1)).max(self.nice(took))
    }

    fn nice(&self, took: Duration) -> Duration {
        took.mul_f64(self.nice_ratio)
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
        let mut pace = Pace::new(0.0);
        let ms = Duration::from_millis;
        assert_eq!(pace.note(ms(8)), Duration::ZERO);
        assert_eq!(pace.note(ms(20)), Duration::ZERO);
        assert_eq!(pace.note(ms(40)), ms(40));
        assert_eq!(pace.note(ms(2000)), REST);
        assert_eq!(pace.note(ms(5)), Duration::ZERO, "fast is fast, whatever was the best");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_nice_rests_after_whatever_it_does() {
        let ms = Duration::from_millis;
        let begun = Instant::now();
        tokio::time::advance(ms(4)).await;
        assert_eq!((Pace::new(0.0).after(begun), Pace::new(2.5).after(begun)), (ms(0), ms(10)));
        let mut pace = Pace::new(0.5);
        assert_eq!(pace.after_page(begun, 10), ms(2));
        tokio::time::advance(ms(36)).await;
        assert_eq!(pace.after_page(begun, 10), ms(40), "the longer of two reasons to rest");
        assert_eq!(Pace::new(2.0).after_page(begun, 10), ms(80));
    }
}
