//! Figures: operations a second and p99 at 1, 16 and 64 connections, beside the disk's own fsync rate in the same run.
//! Figures only; nothing here passes or fails.
//!
//! `cargo bench -p myriad --bench load`

#![expect(clippy::disallowed_methods, reason = "a benchmark's clients end with it")]

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use testkit::{
    Api, Options, PASSWORD, Person, Server,
    bench::{self, Connection, Request, Run, counter, get_as, patch, post, ratio, sign_in, sign_up},
};

const RUN: Duration = Duration::from_secs(4);
const CONNECTIONS: [usize; 3] = [1, 16, 64];

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let server = Server::start(Options::new(env!("CARGO_BIN_EXE_myriad"))).await?;
    let api = server.api()?;
    let mut people = Vec::new();
    for _ in 0..64 {
        people.push(Person::new(&api).await);
    }
    println!("fsync: {:.0}/s (4 KiB appended and synced, one after the other, same disk)", fsyncs(server.directory())?);
    for count in CONNECTIONS {
        print("GET", count, &run(server.address(), count, 200, people.iter().map(get_as)).await?);
    }
    let ops = server.ops()?;
    for count in CONNECTIONS {
        let before = commits(&ops).await?;
        let patched = run(server.address(), count, 200, people.iter().map(patch)).await?;
        print("PATCH", count, &patched);
        let spent = commits(&ops).await? - before;
        println!("    {:.1} acknowledged PATCHes per durable commit", ratio(patched.operations(), spent));
    }
    sign_ups(server.address()).await?;
    hashing(server.address(), &people).await
}

/// `count` connections for the length of a run.
async fn run(address: &str, count: usize, status: u16, requests: impl Iterator<Item = Request>) -> Result<Run> {
    bench::run(address, status, RUN, requests.take(count).collect()).await
}

fn print(what: &str, connections: usize, run: &Run) {
    println!(
        "{what} at {connections} connections: {:.0}/s, p50 {} us, p99 {} us{}",
        run.per_second(),
        run.p50_us(),
        run.p99_us(),
        run.refused()
    );
}

/// What the disk can do: append 4 KiB and sync, as a log does.
fn fsyncs(directory: &std::path::Path) -> Result<f64> {
    let mut file = std::fs::File::create(directory.join("fsync"))?;
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(ratio(count, started.elapsed().as_secs_f64()))
}

/// Durable commits of the shards so far, from `/metrics`.
async fn commits(ops: &Api) -> Result<f64> {
    let count = counter(ops, "myriad_store_commits_total").await;
    ensure!(count > 0.0, "no myriad_store_commits_total in /metrics");
    Ok(count)
}

/// Sign-ups cost what their password's hash costs; beside it, the hash alone, by a sign-in that fails.
async fn sign_ups(address: &str) -> Result<()> {
    for count in CONNECTIONS {
        let stem = count * 1000;
        let run = run(address, count, 201, (0..count).map(|index| sign_up(stem + index))).await?;
        print("sign-up, hashing included,", count, &run);
    }
    let mut connection = Connection::open(address).await?;
    let mut times = Vec::new();
    for number in 0..8 {
        let body = format!("{{\"email\":\"nobody-{number}@example.com\",\"password\":\"{PASSWORD}\"}}");
        let sent = Instant::now();
        ensure!(connection.exchange(&post("/v1/sessions", &body)).await? == 401, "nobody was signed in");
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    println!("hashing alone (sign-in of nobody): p50 {} us", times[times.len() / 2].as_micros());
    Ok(())
}

/// GETs at 16 connections, alone and while four clients sign in without a pause.
async fn hashing(address: &str, people: &[Person]) -> Result<()> {
    let alone = run(address, 16, 200, people.iter().map(get_as)).await?;
    print("GET alone", 16, &alone);
    let beside = tokio::spawn({
        let (address, requests): (_, Vec<_>) = (address.to_owned(), people.iter().take(4).map(sign_in).collect());
        async move { run(&address, 4, 201, requests.into_iter()).await }
    });
    let busy = run(address, 16, 200, people.iter().map(get_as)).await?;
    print("GET while passwords are hashed", 16, &busy);
    print("sign-in beside it", 4, &beside.await.context("task")??);
    println!(
        "p99 while hashing / alone: {:.2}",
        ratio(usize::try_from(busy.p99_us())?, ratio(usize::try_from(alone.p99_us())?, 1.0))
    );
    Ok(())
}
