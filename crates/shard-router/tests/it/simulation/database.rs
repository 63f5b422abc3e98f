//! A database server of the simulation: calls arrive at virtual times, and each is done at once and alone, in the order of arrival.
//!
//! The rows are in a real SQLite in memory, written by the real engine's writer. What is simulated is when a call arrives, whether it does, and
//! whether its answer is heard. Two calls that arrive within a tick of the clock are told apart by who sent them, never by who was polled first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use store_sqlite::Inline;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use super::journal::Journal;
use super::sabotage::Sabotage;
use super::weather::{Fate, Weather};

thread_local! {
    /// The database whose call is being done on this thread.
    static HERE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The database that the running transaction is of.
pub fn here() -> String {
    HERE.with_borrow(Clone::clone)
}

type Job = Box<dyn FnOnce(&mut Inline) + Send>;

pub struct Database {
    pub name: String,
    pub journal: Journal,
    pub sabotage: Sabotage,
    weather: Mutex<Weather>,
    inline: Mutex<Inline>,
    /// By the time of arrival, the sender, and the number of its call.
    waiting: Mutex<BTreeMap<(Instant, String, u64), Job>>,
    arrived: Notify,
    /// Calls that were refused, lost or not heard of.
    pub faults: AtomicU64,
}

impl Database {
    /// Starts it; it runs as long as the runtime.
    pub fn start(name: &str, journal: Journal, sabotage: Sabotage) -> Arc<Self> {
        let this = Arc::new(Self {
            name: name.to_owned(),
            journal,
            sabotage,
            weather: Mutex::new(Weather::calm()),
            inline: Mutex::new(Inline::open(name).unwrap()),
            waiting: Mutex::default(),
            arrived: Notify::new(),
            faults: AtomicU64::new(0),
        });
        TaskTracker::new().spawn(Arc::clone(&this).serve());
        this
    }

    pub fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// When a call arrives that is sent now, and what becomes of it.
    pub fn meet(&self, dice: &mut super::dice::Dice, writes: bool) -> (Instant, Fate) {
        let (arrival, fate) = self.weather.lock().unwrap().meet(dice, writes);
        if fate != Fate::Done {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        (arrival, fate)
    }

    /// Takes a call in, which is done when it arrives.
    pub fn send(&self, arrival: Instant, from: String, number: u64, job: Job) {
        self.waiting.lock().unwrap().insert((arrival, from, number), job);
        self.arrived.notify_one();
    }

    /// Forgets whatever still waits.
    pub fn end(&self) {
        self.waiting.lock().unwrap().clear();
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.lock().unwrap().is_empty()
    }

    /// Looks at the rows, or changes them, past everything that is simulated.
    pub fn directly<T>(&self, look: impl FnOnce(&mut Inline) -> T) -> T {
        look(&mut self.inline.lock().unwrap())
    }

    async fn serve(self: Arc<Self>) {
        loop {
            let first = self.waiting.lock().unwrap().first_key_value().map(|((arrival, ..), _)| *arrival);
            match first {
                None => self.arrived.notified().await,
                Some(arrival) => tokio::select! {
                    biased;
                    () = sleep_until(arrival) => self.do_what_arrived(),
                    // Perhaps it arrives earlier than the one that is waited for.
                    () = self.arrived.notified() => {}
                },
            }
        }
    }

    fn do_what_arrived(&self) {
        let now = Instant::now();
        loop {
            let mut waiting = self.waiting.lock().unwrap();
            let Some(next) = waiting.first_entry().filter(|next| next.key().0 <= now) else { return };
            let job = next.remove();
            drop(waiting);
            HERE.set(self.name.clone());
            job(&mut self.inline.lock().unwrap());
        }
    }
}
