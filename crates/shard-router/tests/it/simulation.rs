//! The mover in virtual time: the real routers, the real `Shards`, the real writer of the embedded engine, on one thread, by a seed.
//!
//! Databases take their time, stop, go away and lose answers; routers are killed, stopped and let go on; people write with old maps; an operator
//! moves buckets, drains and fills a shard, isolates users and takes them back. The same seed gives the same run, line by line. 50 seeds, or
//! `MYRIAD_SEEDS=1000` of them; `MYRIAD_SEED=17` is that one alone, with its log in a file.

mod books;
mod check;
mod contract;
mod database;
mod dice;
mod engine;
mod journal;
mod news;
mod operator;
mod people;
mod print;
mod process;
mod reaper;
mod router;
mod run;
mod sabotage;
mod watched;
mod weather;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use run::{Outcome, run};
use sabotage::Kind;

/// Seeds of the ordinary run.
const SEEDS: u64 = 50;
/// Lines of a failed seed's log that are shown.
const TAIL: usize = 60;

// R68 R69 R70: whatever happens, nothing acknowledged is lost or there twice, and every move ends.
#[test]
fn whatever_befalls_whom_nothing_acknowledged_is_lost_and_every_move_ends() {
    if let Some(seed) = setting("MYRIAD_SEED") {
        return alone(seed);
    }
    let (seeds, begun) = (setting("MYRIAD_SEEDS").unwrap_or(SEEDS), Instant::now());
    let outcomes = all(seeds, Kind::None);
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    println!(
        "{seeds} seeds in {:.1} s, {:.0} s of virtual time: {} moves done, {} undone, {} reverted; {} writes acknowledged; {} faults",
        begun.elapsed().as_secs_f64(),
        outcomes.iter().map(|outcome| outcome.virtual_time.as_secs_f64()).sum::<f64>(),
        sum(|outcome| outcome.moves.done),
        sum(|outcome| outcome.moves.undone),
        sum(|outcome| outcome.moves.reverted),
        sum(|outcome| outcome.acknowledged),
        sum(|outcome| outcome.troubles),
    );
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).collect();
    if let Some(first) = failed.first() {
        println!("{}", tail(&first.log));
        let seeds: Vec<u64> = failed.iter().map(|outcome| outcome.seed).collect();
        panic!(
            "seed {}, alone by MYRIAD_SEED={}: {:#?}; failed seeds: {seeds:?}",
            first.seed, first.seed, first.faults
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in 0..setting("MYRIAD_SEEDS").map_or(4, |seeds| seeds / 20) {
        let (one, other) = (run(seed, Kind::None), run(seed, Kind::None));
        let pairs = one.log.lines().zip(other.log.lines()).enumerate();
        for (number, (line, again)) in pairs {
            assert_eq!(line, again, "seed {seed}, line {number} of {}", one.log.lines().count());
        }
        assert_eq!(one.log, other.log, "seed {seed}");
        assert!(one.log.lines().count() > 1000, "nothing happened");
    }
}

#[test]
fn owner_rows_that_fence_nobody_are_found_out() {
    found_out(Kind::NoFence, 8, "let a write into bucket");
}

#[test]
fn a_lost_log_entry_is_found_out() {
    found_out(Kind::LostLogEntry, 16, "could have had");
}

#[test]
fn a_row_that_is_ruined_after_the_comparison_is_found_out() {
    found_out(Kind::RuinedLate, 8, "ruined");
}

// What the comparison sees harms nobody: the move is undone and says which row it was.
#[test]
fn a_row_that_is_ruined_on_its_way_undoes_its_move() {
    let outcomes = all(8, Kind::RuinedCopy);
    for outcome in &outcomes {
        assert_eq!(outcome.faults, Vec::<String>::new(), "seed {}", outcome.seed);
    }
    let named = outcomes.iter().flat_map(|outcome| &outcome.reasons);
    let named = named.filter(|reason| reason.contains("a row of users") && reason.contains("differs")).count();
    println!("{named} moves were undone for a row that differs");
    assert!(named > 0);
}

/// Some of the first seeds must be red, and say so.
fn found_out(kind: Kind, seeds: u64, words: &str) {
    let outcomes = all(seeds, kind);
    let says = |outcome: &&Outcome| outcome.faults.iter().any(|fault| fault.contains(words));
    let red: Vec<&Outcome> = outcomes.iter().filter(says).collect();
    println!("{kind:?}: {} of {seeds} seeds are red", red.len());
    assert!(!red.is_empty());
}

/// One seed, with its log in a file.
fn alone(seed: u64) {
    let outcome = run(seed, Kind::None);
    let file = std::env::temp_dir().join(format!("myriad-seed-{seed}.log"));
    std::fs::write(&file, &outcome.log).unwrap();
    println!("seed {seed}: {:?}, {} acknowledged, log in {}", outcome.moves, outcome.acknowledged, file.display());
    println!("{}", tail(&outcome.log));
    assert_eq!(outcome.faults, Vec::<String>::new());
}

/// Runs the first so many seeds, each on one thread, several threads side by side. Logs of those that are well are not kept.
fn all(seeds: u64, kind: Kind) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let mut outcome = run(seed, kind);
                    if outcome.faults.is_empty() {
                        outcome.log.clear();
                    }
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

fn setting(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
