//! The breaker: after a few failures in a row calls are refused at once; after a pause one call tries whether that is over.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Breaker {
    failures: u32,
    pause_min: Duration,
    pause_max: Duration,
    state: Mutex<State>,
    random: RandomState,
}

#[derive(Clone, Copy)]
enum State {
    /// Calls go through; so many of the last ones failed.
    Closed { failed: u32 },
    /// No call goes through until then.
    Open { until: Instant, pause: Duration },
    /// One call is on its way to try.
    Trying { pause: Duration },
}

/// What a call's end has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    Opened,
    Closed,
}

/// The right to make one call. Dropped unsettled, a try counts as failed and any other call as not made.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    trying: bool,
    settled: bool,
}

impl Breaker {
    pub(crate) fn new(failures: u32, pause_min: Duration, pause_max: Duration) -> Self {
        let state = Mutex::new(State::Closed { failed: 0 });
        Self { failures, pause_min, pause_max, state, random: RandomState::new() }
    }

    /// A permit, unless calls are refused now.
    pub(crate) fn admit(&self, now: Instant) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let trying = match *state {
            State::Closed { .. } => false,
            State::Open { until, pause } if now >= until => {
                *state = State::Trying { pause };
                true
            }
            State::Open { .. } | State::Trying { .. } => return None,
        };
        Some(Permit { breaker: self, trying, settled: false })
    }

    /// Whether calls are refused now.
    pub(crate) fn refuses(&self, now: Instant) -> bool {
        match *self.lock() {
            State::Closed { .. } => false,
            State::Open { until, .. } => now < until,
            State::Trying { .. } => true,
        }
    }

    fn settle(&self, trying: bool, succeeded: bool, now: Instant) -> Change {
        let mut state = self.lock();
        match (*state, trying) {
            (State::Trying { .. }, true) if succeeded => {
                *state = State::Closed { failed: 0 };
                Change::Closed
            }
            (State::Trying { pause }, true) => {
                *state = self.open(now, (pause * 2).min(self.pause_max));
                Change::Nothing
            }
            (State::Closed { .. }, _) if succeeded => {
                *state = State::Closed { failed: 0 };
                Change::Nothing
            }
            (State::Closed { failed }, _) if failed + 1 >= self.failures => {
                *state = self.open(now, self.pause_min);
                Change::Opened
            }
            (State::Closed { failed }, _) => {
                *state = State::Closed { failed: failed + 1 };
                Change::Nothing
            }
            // The end of a call from before it opened.
            (State::Open { .. } | State::Trying { .. }, _) => Change::Nothing,
        }
    }

    /// Up to a quarter of the pause is cut at random, so that many processes do not try at once.
    fn open(&self, now: Instant, pause: Duration) -> State {
        let quarter = u64::try_from(pause.as_micros() / 4).unwrap_or(u64::MAX).max(1);
        let cut = Duration::from_micros(self.random.hash_one(now) % quarter);
        State::Open { until: now + pause.saturating_sub(cut), pause }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call has ended.
    pub(crate) fn settle(mut self, succeeded: bool, now: Instant) -> Change {
        self.settled = true;
        self.breaker.settle(self.trying, succeeded, now)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.trying && !self.settled {
            self.breaker.settle(true, false, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_millis(300);

    fn breaker() -> Breaker {
        Breaker::new(3, MIN, MAX)
    }

    fn call(breaker: &Breaker, now: Instant, succeeds: bool) -> Option<Change> {
        breaker.admit(now).map(|permit| permit.settle(succeeds, now))
    }

    /// As often as opens it.
    fn fail(breaker: &Breaker, now: Instant) {
        for _ in 0..3 {
            call(breaker, now, false);
        }
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let (breaker, now) = (breaker(), Instant::now());
        for succeeds in [false, false, true, false, false] {
            assert_eq!(call(&breaker, now, succeeds), Some(Change::Nothing));
        }
        assert!(!breaker.refuses(now));
        assert_eq!(call(&breaker, now, false), Some(Change::Opened));
        assert_eq!(call(&breaker, now, true), None);
        assert!(breaker.refuses(now) && !breaker.refuses(now + MIN));
    }

    #[test]
    fn after_the_pause_one_call_tries_and_closes_it() {
        let (breaker, now) = (breaker(), Instant::now());
        fail(&breaker, now);
        let later = now + MIN;
        let permit = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_none(), "one is enough");
        assert_eq!(permit.settle(true, later), Change::Closed);
        assert_eq!(call(&breaker, later, true), Some(Change::Nothing));
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_the_longest() {
        let (breaker, mut now) = (breaker(), Instant::now());
        fail(&breaker, now);
        for pause in [MIN, MIN * 2, MAX, MAX] {
            assert!(call(&breaker, now + pause.mul_f64(0.74), false).is_none(), "{pause:?}");
            now += pause;
            assert_eq!(call(&breaker, now, false), Some(Change::Nothing), "{pause:?}");
        }
    }

    #[test]
    fn a_try_whose_caller_went_away_is_made_again() {
        let (breaker, now) = (breaker(), Instant::now());
        fail(&breaker, now);
        drop(breaker.admit(now + MIN).unwrap());
        assert!(breaker.admit(Instant::now() + MAX).is_some());
    }

    #[test]
    fn a_late_end_of_an_earlier_call_does_not_close_it() {
        let (breaker, now) = (breaker(), Instant::now());
        let early = breaker.admit(now).unwrap();
        fail(&breaker, now);
        assert_eq!(early.settle(true, now), Change::Nothing);
        assert!(breaker.admit(now).is_none());
    }
}
