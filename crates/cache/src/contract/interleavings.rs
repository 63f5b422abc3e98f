//! Writers and readers at once: what is left is what was newest.

use bytes::Bytes;
use futures::future::join_all;

use super::{class, give_way};
use crate::{Cache, Class};

const ROUNDS: u64 = 150;
const STEPS: u64 = 40;
const VERSIONS: u64 = 8;

#[derive(Debug, Clone, Copy)]
enum Step {
    Set(u64),
    Invalidate(u64),
    Forget(u64),
    Load(u64),
}

/// A stream of numbers, the same for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn step(&mut self) -> Step {
        let version = self.below(VERSIONS);
        match self.below(8) {
            0..3 => Step::Set(version),
            3..5 => Step::Invalidate(version),
            5 => Step::Forget(version),
            _ => Step::Load(version),
        }
    }
}

// R29
pub async fn under_any_interleaving_the_newest_wins(cache: Cache) {
    // As two processes would have it: two classes of the same name share what is kept, but no flight.
    let processes = [class(&cache), class(&cache)];
    for round in 0..ROUNDS {
        judge(&processes, round).await;
    }
}

/// One round over two processes' classes, under an id of its own. Both must agree on the end.
pub async fn judge(processes: &[Class<Bytes>; 2], round: u64) {
    let mut draw = Draw(round);
    let id = format!("round-{round}");
    let count = draw.below(STEPS) + 1;
    let steps: Vec<Step> = (0..count).map(|_| draw.step()).collect();
    let tasks = steps.iter().map(|step| {
        // Each task gives way a number of times drawn before and in the middle of its step.
        let (before, within) = (draw.below(16), draw.below(8));
        let class = &processes[usize::from(draw.below(2) == 1)];
        run(class, &id, *step, before, within)
    });
    join_all(tasks).await;
    let ends = [processes[0].get(&id).await, processes[1].get(&id).await];
    assert_eq!(ends[0], ends[1], "round {round}: the processes disagree after {steps:?}");
    let [end, _] = ends;

    // Loads may or may not have been kept; all else must have been outlived by something as new.
    let newest = |wanted: fn(&Step) -> Option<u64>| steps.iter().filter_map(wanted).max();
    let set = newest(|step| if let Step::Set(version) = step { Some(*version) } else { None });
    let gone = newest(|step| if let Step::Forget(version) = step { Some(*version) } else { None });
    let stale = newest(|step| if let Step::Invalidate(version) = step { Some(*version) } else { None });
    let lawful = match &end {
        Some(bytes) => {
            let version = u64::from(bytes[0]);
            gone.is_none_or(|gone| version > gone)
                && set.is_none_or(|set| version >= set)
                && stale.is_none_or(|stale| version >= stale)
        }
        None => set.is_none_or(|set| gone >= Some(set) || stale > Some(set)),
    };
    assert!(lawful, "round {round}: {end:?} is left after {steps:?}");
}

async fn run(class: &Class<Bytes>, id: &str, step: Step, before: u64, within: u64) {
    give_way(before).await;
    match step {
        Step::Set(version) => drop(class.set_if_newer(id, version, &value(version)).await),
        Step::Invalidate(version) => class.invalidate(id, version).await.unwrap(),
        Step::Forget(version) => class.forget(id, version).await.unwrap(),
        Step::Load(version) => {
            let load = || async {
                give_way(within).await;
                Ok(Some((version, value(version))))
            };
            drop(class.get_or_load(id, load).await);
        }
    }
}

fn value(version: u64) -> Bytes {
    Bytes::from(vec![u8::try_from(version).unwrap()])
}
