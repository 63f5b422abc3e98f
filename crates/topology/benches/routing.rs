//! What it costs to find where a user lives, without pins and with them, beside the least that could do it: a remainder and two loads from a
//! table. And what it costs to count a request. A benchmark, not a test: it prints.
//!
//! `cargo bench -p topology`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Instant;

use model::{BUCKETS, UserId};
use topology::{EngineKind, Heat, Owner, Parts, ShardInfo, Topology};

/// Lookups of a round; the best of some rounds counts, for nothing makes one faster than it is.
const LOOKUPS: u64 = 4_000_000;
const ROUNDS: usize = 5;

fn main() {
    let floor = floor();
    println!("{:<44} {:>8} {:>8}", "what", "ns", "x floor");
    let print = |what: &str, ns: f64| println!("{what:<44} {ns:>8.2} {:>8.1}", ns / floor);
    print("floor: remainder, two loads", floor);
    for pins in [0, 10, 1000] {
        let topology = topology(pins);
        print(&format!("locate, {pins} pins"), each(|user| u64::from(topology.locate(user).shard.0)));
    }
    let heat = Heat::default();
    print(
        "counting a read, one of a million users",
        each(|user| {
            heat.read(user);
            0
        }),
    );
    let star = UserId::new(12).unwrap();
    print(
        "counting a read, always the same user",
        each(|_| {
            heat.read(star);
            0
        }),
    );
}

/// Nanoseconds for one user, over ids that are spread like those of requests.
fn each(look: impl Fn(UserId) -> u64) -> f64 {
    let round = || {
        let begun = Instant::now();
        let mut sum = 0;
        for number in 0..LOOKUPS {
            let id = 1 + number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_000;
            sum += look(black_box(UserId::new(id).unwrap()));
        }
        black_box(sum);
        begun.elapsed().as_nanos() as f64 / LOOKUPS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn floor() -> f64 {
    let shards: Vec<u32> = (0..BUCKETS).map(|bucket| bucket % 8).collect();
    let epochs: Vec<u64> = vec![1; BUCKETS as usize];
    each(|user| {
        let bucket = usize::try_from(user.get() % u64::from(BUCKETS)).unwrap_or(0);
        u64::from(shards[bucket]) + epochs[bucket]
    })
}

/// Eight shards, and so many users with a bucket of their own.
fn topology(pins: u32) -> Topology {
    let shards =
        (0..8).map(|id| ShardInfo::new(id, format!("s{id}"), EngineKind::Sqlite, format!("{id}.db"))).collect();
    let mut parts = Parts::first("bench".to_owned(), shards);
    for pin in 0..pins {
        parts.buckets.push(Some(Owner(pin % 8, 1)));
        parts.pins.insert(u64::from(pin) * 997 + 1, BUCKETS + pin);
    }
    Topology::new(parts).unwrap()
}
