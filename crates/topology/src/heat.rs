//! Which users are asked for most: a sketch of fixed size that forgets.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi 2005) over so many slots: a user without one takes that of a user who was seldom asked for,
//! and with it its count as a possible error. Counts halve every ten seconds. A caller that meets another one here is not counted: the
//! hot path waits for nobody, and whoever is hot is counted often enough.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use model::UserId;

/// Users that are remembered. One with more than a hundredth of all requests is sure to be among them.
const SLOTS: usize = 256;
/// Of how many slots the least one is given up: looking at all would cost more than it finds.
const LOOK: usize = 16;
/// After this long a count is worth half.
const HALF: Duration = Duration::from_secs(10);
/// Weights grow with time instead of counts shrinking; from here on all are brought down.
const HEAVY: f64 = 1e12;

/// The sketch.
#[derive(Debug)]
pub struct Heat(Mutex<Sketch>);

/// A user that is asked for much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HotUser {
    /// Who.
    pub user: UserId,
    /// Reads in a second, over the last ten seconds or so.
    pub reads: f64,
    /// Writes in a second.
    pub writes: f64,
    /// Of all reads and writes, from 0 to 1; not more than it is.
    pub share: f64,
}

#[derive(Debug)]
struct Sketch {
    begun: Instant,
    slots: Vec<Slot>,
    at: HashMap<u64, usize>,
    /// All reads and writes there were.
    all: f64,
    /// Which slots are looked at next.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    user: u64,
    reads: f64,
    writes: f64,
    /// What was taken over from the user before.
    error: f64,
}

impl Slot {
    fn count(&self) -> f64 {
        self.reads + self.writes + self.error
    }
}

impl Default for Heat {
    fn default() -> Self {
        let (slots, at) = (Vec::with_capacity(SLOTS), HashMap::with_capacity(SLOTS));
        Self(Mutex::new(Sketch { begun: Instant::now(), slots, at, all: 0.0, next: 0 }))
    }
}

impl Heat {
    /// A user was read.
    pub fn read(&self, user: UserId) {
        self.count(user, 1.0, 0.0, Instant::now());
    }

    /// A user was written to.
    pub fn write(&self, user: UserId) {
        self.count(user, 0.0, 1.0, Instant::now());
    }

    /// The users that are asked for most, the hottest first.
    pub fn hottest(&self, limit: usize) -> Vec<HotUser> {
        self.hottest_at(limit, Instant::now())
    }

    fn count(&self, user: UserId, reads: f64, writes: f64, now: Instant) {
        if let Ok(mut sketch) = self.0.try_lock() {
            sketch.count(user.get(), reads, writes, now);
        }
    }

    fn hottest_at(&self, limit: usize, now: Instant) -> Vec<HotUser> {
        let Ok(sketch) = self.0.lock() else { return Vec::new() };
        let (weight, all) = (sketch.weight(now), sketch.all.max(f64::MIN_POSITIVE));
        // What a steady stream of one a second comes to.
        let steady = HALF.as_secs_f64() / std::f64::consts::LN_2 * weight;
        let mut users: Vec<HotUser> = sketch
            .slots
            .iter()
            .filter_map(|slot| {
                let (reads, writes) = (slot.reads / steady, slot.writes / steady);
                Some(HotUser { user: UserId::new(slot.user)?, reads, writes, share: (slot.reads + slot.writes) / all })
            })
            .collect();
        users.sort_by(|one, other| other.share.total_cmp(&one.share));
        users.truncate(limit);
        users
    }
}

impl Sketch {
    /// What a request of this moment weighs.
    fn weight(&self, now: Instant) -> f64 {
        (now.saturating_duration_since(self.begun).as_secs_f64() / HALF.as_secs_f64()).exp2()
    }

    fn count(&mut self, user: u64, reads: f64, writes: f64, now: Instant) {
        let mut weight = self.weight(now);
        if weight > HEAVY {
            self.bring_down(weight);
            self.begun = now;
            weight = 1.0;
        }
        self.all += (reads + writes) * weight;
        let at = self.slot_of(user);
        self.slots[at].reads += reads * weight;
        self.slots[at].writes += writes * weight;
    }

    fn slot_of(&mut self, user: u64) -> usize {
        if let Some(at) = self.at.get(&user) {
            return *at;
        }
        let at = if self.slots.len() < SLOTS {
            self.slots.push(Slot { user, reads: 0.0, writes: 0.0, error: 0.0 });
            self.slots.len() - 1
        } else {
            let at = self.least();
            let old = self.slots[at];
            self.at.remove(&old.user);
            self.slots[at] = Slot { user, reads: 0.0, writes: 0.0, error: old.count() };
            at
        };
        self.at.insert(user, at);
        at
    }

    /// The least of some slots, in turn.
    fn least(&mut self) -> usize {
        self.next = (self.next + LOOK) % SLOTS;
        let looked = (self.next..self.next + LOOK).map(|at| at % SLOTS);
        looked.min_by(|one, other| self.slots[*one].count().total_cmp(&self.slots[*other].count())).unwrap_or(0)
    }

    fn bring_down(&mut self, weight: f64) {
        self.all /= weight;
        for slot in &mut self.slots {
            slot.reads /= weight;
            slot.writes /= weight;
            slot.error /= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).unwrap()
    }

    /// A thousand requests a second, a third of them for user 7, the rest for users who come once each.
    fn busy(heat: &Heat, from: Instant, seconds: u64) -> Instant {
        for number in 0..seconds * 1000 {
            let now = from + Duration::from_millis(number);
            match number % 3 {
                0 => heat.count(user(7), 1.0, 0.0, now),
                1 => heat.count(user(1_000_000 + number), 1.0, 0.0, now),
                _ => heat.count(user(2_000_000 + number), 0.0, 1.0, now),
            }
        }
        from + Duration::from_secs(seconds)
    }

    #[test]
    fn a_celebrity_is_found_among_very_many_within_ten_seconds() {
        let (heat, begun) = (Heat::default(), Instant::now());
        let now = busy(&heat, begun, 10);
        let found = heat.hottest_at(3, now);
        assert_eq!((found.len(), found[0].user), (3, user(7)));
        assert!((0.3..0.34).contains(&found[0].share), "{found:?}");
        // Half of what it comes to if it goes on.
        assert!((150.0..200.0).contains(&found[0].reads), "{found:?}");
        assert!(found[1].share < 0.01, "{found:?}");
        let later = heat.hottest_at(1, busy(&heat, now, 60));
        assert!((300.0..340.0).contains(&later[0].reads), "{later:?}");
    }

    #[test]
    fn who_is_asked_for_no_more_is_forgotten() {
        let (heat, begun) = (Heat::default(), Instant::now());
        let now = busy(&heat, begun, 20);
        let quiet = heat.hottest_at(1, now + Duration::from_secs(100));
        assert!(quiet[0].reads < 1.0, "{quiet:?}");
        for number in 0..2000 {
            heat.count(user(8), 0.0, 1.0, now + Duration::from_secs(100) + Duration::from_millis(number));
        }
        let other = heat.hottest_at(1, now + Duration::from_secs(102));
        assert_eq!((other[0].user, other[0].share > 0.9), (user(8), true));
        assert!(other[0].writes > 50.0 && other[0].reads < 0.001, "{other:?}");
    }

    #[test]
    fn a_month_of_weights_is_brought_down_and_nothing_is_lost() {
        let (heat, begun) = (Heat::default(), Instant::now());
        for day in 0..31 {
            busy(&heat, begun + Duration::from_hours(24 * day), 2);
        }
        let found = heat.hottest_at(1, begun + Duration::from_hours(24 * 30) + Duration::from_secs(2));
        assert_eq!(found[0].user, user(7));
        assert!(found[0].share.is_finite() && found[0].share > 0.3, "{found:?}");
    }
}
