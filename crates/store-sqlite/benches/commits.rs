//! Acknowledged writes per second and per sync of the log, at 1, 16 and 64 writers, beside the rate at which this disk syncs
//! a small append, measured in the same run and the same directory. A benchmark, not a test: it prints.
//!
//! `cargo bench -p store-sqlite [-- DIR]`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark")]

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use model::{Bucket, Epoch, ShardId, UserId};
use store::{
    Cluster, Engine, Identity, Ownership, SHARD, Shard, prepare, tables::credentials, tables::outbox, tables::users,
};
use store_sqlite::{Options, Sqlite};

const ROUND: Duration = Duration::from_secs(3);

fn main() {
    let place = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let place = place.map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::TempDir::new_in(place).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(dir.path()));
}

async fn run(dir: &Path) {
    println!(
        "{:<22} {:>12} {:>12} {:>14} {:>10} {:>10}",
        "what", "writes/s", "commits/s", "writes/commit", "p50 ms", "p99 ms"
    );
    let disk = syncs_per_second(dir);
    println!("{:<22} {:>12} {disk:>12.0}", "the disk alone", "-");
    let before = resident_kib();
    let (engine, shard) = start(dir, "first start").await;
    println!("memory of one open database: {} KiB", resident_kib() - before);
    engine.close().await;
    drop(shard);
    let (engine, shard) = start(dir, "start on existing data").await;
    for writers in [1, 4, 16, 64, 256] {
        round(&engine, &shard, writers).await;
    }
    reads(&shard).await;
    println!("memory at the end, this benchmark's own included: {} KiB above the start", resident_kib() - before);
    engine.close().await;
}

/// Opens the file, brings it to its schema and gives it all buckets: what a start costs.
async fn start(dir: &Path, what: &str) -> (Arc<Sqlite>, Shard) {
    let begun = Instant::now();
    let engine = Sqlite::open(&Options::at(dir.join("bench.db"))).unwrap();
    let opened = begun.elapsed();
    let identity = Identity { cluster: Cluster::Known("bench".to_owned()), member: "shard-0".to_owned() };
    prepare(&*engine, &SHARD, identity).await.unwrap();
    let prepared = begun.elapsed();
    let shard = Shard::new(ShardId(0), Arc::clone(&engine) as _);
    shard.adopt((0..4096).map(|bucket| (Bucket(bucket), Epoch(1))).collect()).await.unwrap();
    let millis = |took: Duration| took.as_secs_f64() * 1e3;
    println!(
        "{what}: {:.1} ms (open {:.1}, schema {:.1}, buckets {:.1})",
        millis(begun.elapsed()),
        millis(opened),
        millis(prepared.saturating_sub(opened)),
        millis(begun.elapsed().saturating_sub(prepared)),
    );
    (engine, shard)
}

/// Resident memory of this process, in KiB.
fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn syncs_per_second(dir: &Path) -> f64 {
    let mut file = File::create(dir.join("sync")).unwrap();
    let page = [7; 4096];
    let begun = Instant::now();
    let mut syncs = 0;
    while begun.elapsed() < ROUND {
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        syncs += 1;
    }
    f64::from(syncs) / begun.elapsed().as_secs_f64()
}

/// Writers that each change a row and write a message, one after the other.
async fn round(engine: &Sqlite, shard: &Shard, writers: u64) {
    let before = engine.stats();
    let begun = Instant::now();
    let over = Arc::new(AtomicBool::new(false));
    let tasks = (1..=writers).map(|writer| {
        let (shard, over) = (shard.clone(), Arc::clone(&over));
        async move {
            let user = UserId::new(writer * 37).unwrap();
            let own = Ownership { bucket: Bucket::of_user(user), epoch: Epoch(1) };
            let mut took = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let work = shard.write(own, move |tx| {
                    Box::pin(async move {
                        credentials::set(tx, user, "phc", 1).await?;
                        let id = outbox::add(tx, "bench", vec![7; 100], 1, 1).await?;
                        outbox::remove(tx, id).await
                    })
                });
                work.await.unwrap();
                took.push(begun.elapsed());
                over.fetch_or(begun.elapsed() > ROUND, Ordering::Relaxed);
            }
            took
        }
    });
    let stop = async {
        tokio::time::sleep(ROUND).await;
        over.store(true, Ordering::Relaxed);
        Vec::new()
    };
    let boxed: Vec<std::pin::Pin<Box<dyn Future<Output = Vec<Duration>>>>> =
        tasks.map(|task| Box::pin(task) as _).chain([Box::pin(stop) as _]).collect();
    let mut took = futures::future::join_all(boxed).await.concat();
    let seconds = begun.elapsed().as_secs_f64();
    let after = engine.stats();
    let (transactions, commits) = (after.transactions - before.transactions, after.commits - before.commits);
    took.sort_unstable();
    println!(
        "{:<22} {:>12.0} {:>12.0} {:>14.1} {:>10.2} {:>10.2}",
        format!("{writers} writers"),
        transactions as f64 / seconds,
        commits as f64 / seconds,
        transactions as f64 / commits as f64,
        millis(&took, 50),
        millis(&took, 99),
    );
}

/// One user, and 64 in one statement.
async fn reads(shard: &Shard) {
    for id in 1..=64 {
        let user = UserId::new(id).unwrap();
        let own = Ownership { bucket: Bucket::of_user(user), epoch: Epoch(1) };
        shard.write(own, move |tx| Box::pin(async move { users::insert_void(tx, user, 1).await })).await.unwrap();
    }
    let keys: Vec<_> = (1..=64).map(|id| UserId::new(id).unwrap()).map(|id| (Bucket::of_user(id), id)).collect();
    let mut read = shard.read_all();
    for width in [1_usize, 8, 64] {
        let begun = Instant::now();
        let mut calls = 0;
        while begun.elapsed() < ROUND / 3 {
            assert_eq!(users::get_many(&mut read, &keys[..width]).await.unwrap().len(), width);
            calls += 1;
        }
        let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls);
        println!(
            "{:<22} {:>12.1} us a call, {:.1} us a row",
            format!("get_many of {width}"),
            each,
            each / width as f64
        );
    }
}

fn millis(sorted: &[Duration], percent: usize) -> f64 {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .map_or(0.0, |took| took.as_secs_f64() * 1e3)
}
