//! Figures of growth while people read: the p99 of reads of everybody else while one user is a celebrity, once it is alone, and while
//! buckets move from the file to PostgreSQL. Reads come at a fixed rate; users by Zipf's law. What moves cost is to be seen beside what any
//! work costs: one thread that only counts. Figures only; nothing here passes or fails.
//!
//! `cargo bench -p myriad --bench growth`, `MYRIAD_USERS=1000000` for more users.

#![expect(clippy::disallowed_methods, reason = "a benchmark's clients end with it")]

mod readers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::engines::Postgres;
use testkit::engines::postgres::{PASSWORD, SUPERUSER};
use testkit::{
    Options, Person, Server,
    bench::{Run, ratio},
};

use readers::{Readers, Zipf};

/// Reads of everybody else, a second; without and beside the celebrity.
const OTHERS: u32 = 700;
/// Reads of the celebrity: 30 % of all.
const OF_STAR: u32 = 300;
const RUN: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let count = std::env::var("MYRIAD_USERS").ok().map_or(Ok(100_000), |users| users.parse())?;
    let server = Server::start(Options::new(env!("CARGO_BIN_EXE_myriad"))).await?;
    let star = Person::new(&server.api()?).await;
    let seeded = myriad(&server, &["seed", "--users", &count.to_string()]).await?;
    print!("{seeded}");
    let first = seeded.split_whitespace().nth(4).context("no first id")?.parse()?;
    let zipf = Arc::new(Zipf::new(first, count));
    let star_path = star.path();
    let read = |with_star| {
        let of_star = if with_star { OF_STAR } else { 0 };
        Readers::begin(server.address(), &zipf, OTHERS, &star_path, of_star)
    };
    during(read(false), RUN).await?;
    let alone = during(read(false), RUN).await?;
    print("everybody but the celebrity", &alone, None)?;

    print("everybody beside one busy thread", &beside_a_busy_thread(read(false)).await?, Some(&alone))?;

    let readers = read(true);
    let found = until_found(&server, star.id).await?;
    println!("the celebrity is found {:.1} s after its first read", found.as_secs_f64());
    print("the others beside the celebrity", &during(readers, RUN).await?, Some(&alone))?;
    myriad(&server, &["shard", "add", "shards/star.db", "--name", "star", "--dedicated"]).await?;
    let readers = read(true);
    myriad(&server, &["user", "isolate", &star.id.to_string(), "--to", "star"]).await?;
    print("the others while it is isolated", &readers.end().await?, Some(&alone))?;
    print("the others once it is alone", &during(read(true), RUN).await?, Some(&alone))?;

    let database = Postgres::start(server.directory()).await?;
    database.create_database("one").await?;
    let password = PASSWORD.replace(' ', "%20");
    let address = database.url("one").replace("postgres://", &format!("postgres://{SUPERUSER}:{password}@"));
    myriad(&server, &["shard", "add", &address, "--name", "one"]).await?;
    let readers = read(false);
    let begun = Instant::now();
    myriad(&server, &["shard", "drain", "local"]).await?;
    println!("every bucket moved to PostgreSQL in {:.1} s", begun.elapsed().as_secs_f64());
    print("everybody while that went on", &readers.end().await?, Some(&alone))?;
    print("everybody on PostgreSQL", &during(read(false), RUN).await?, Some(&alone))?;
    Ok(())
}

async fn during(readers: Readers, time: Duration) -> Result<Run> {
    tokio::time::sleep(time).await;
    readers.end().await
}

/// The floor of what moves can cost on this machine: somebody's work on one of its cores, without a disk, a lock or a socket.
async fn beside_a_busy_thread(readers: Readers) -> Result<Run> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let busy = std::thread::spawn(move || while !stopped.load(Ordering::Relaxed) {});
    let run = during(readers, RUN).await;
    stop.store(true, Ordering::Relaxed);
    busy.join().map_err(|_| anyhow::anyhow!("the busy thread panicked"))?;
    run
}

fn print(what: &str, run: &Run, beside: Option<&Run>) -> Result<()> {
    let to_alone = match beside {
        Some(alone) => {
            let part = ratio(usize::try_from(run.p99_us())?, ratio(usize::try_from(alone.p99_us())?, 1.0));
            format!(", {part:.2} of what it was alone")
        }
        None => String::new(),
    };
    println!(
        "{what}: {} reads, 0 failed, p50 {} us, p99 {} us{to_alone}, slowest {} us",
        run.operations(),
        run.p50_us(),
        run.p99_us(),
        run.slowest_us()
    );
    Ok(())
}

async fn until_found(server: &Server, star: u64) -> Result<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) {
        let hot: serde_json::Value = serde_json::from_str(&myriad(server, &["hot", "--json"]).await?)?;
        if hot[0]["userId"] == star && hot[0]["advice"].as_str().is_some_and(|advice| advice.contains("isolate")) {
            return Ok(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    anyhow::bail!("the celebrity is not found")
}

/// Runs an operator's command: what it printed.
async fn myriad(server: &Server, arguments: &[&str]) -> Result<String> {
    let ops = server.ops()?.base().to_owned();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_myriad"));
    let output = command.args(arguments).args(["--server", &ops]).output().await.context("myriad")?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
