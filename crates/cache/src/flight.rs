//! Single flight: however many callers miss a key at once, one loads and all get its result.
//!
//! A flight belongs to no task: when the caller that loads goes away, one of those that wait takes over. A write to the key
//! detaches the flight: its result goes to those who came before the write, later callers load for themselves, and it is not kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

type Map<T> = HashMap<Box<str>, Arc<Flight<T>>>;

pub(crate) struct Flights<T> {
    under_way: Mutex<Map<T>>,
}

pub(crate) struct Flight<T> {
    pub(crate) result: OnceCell<T>,
    detached: AtomicBool,
}

/// One caller's place in a flight.
pub(crate) struct Seat<'a, T> {
    flights: &'a Flights<T>,
    key: &'a str,
    pub(crate) flight: Arc<Flight<T>>,
}

impl<T> Flights<T> {
    pub(crate) fn new() -> Self {
        Self { under_way: Mutex::default() }
    }

    /// A place in the flight for this key, a new one if there is none.
    pub(crate) fn join<'a>(&'a self, key: &'a str) -> Seat<'a, T> {
        let new = || Arc::new(Flight { result: OnceCell::new(), detached: AtomicBool::new(false) });
        let flight = Arc::clone(self.lock().entry(key.into()).or_insert_with(new));
        Seat { flights: self, key, flight }
    }

    /// Nobody joins this key's flight any more, and its result is not kept.
    pub(crate) fn detach(&self, key: &str) {
        if let Some(flight) = self.lock().remove(key) {
            flight.detached.store(true, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Map<T>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Seat<'_, T> {
    /// The flight is over: later callers look into the cache.
    pub(crate) fn land(&self) {
        self.leave_map(|_| true);
    }

    /// False where a write came in between: what was loaded is not to be kept.
    pub(crate) fn attached(&self) -> bool {
        !self.flight.detached.load(Ordering::Acquire)
    }

    fn leave_map(&self, when: impl FnOnce(&Arc<Flight<T>>) -> bool) {
        let mut under_way = self.flights.lock();
        if under_way.get(self.key).is_some_and(|present| Arc::ptr_eq(present, &self.flight) && when(present)) {
            under_way.remove(self.key);
        }
    }
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        // The last to leave a flight that never landed takes it off the map: one count is the map's, one is ours.
        self.leave_map(|present| Arc::strong_count(present) == 2);
    }
}
