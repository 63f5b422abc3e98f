//! Figures: operations a second and p99 at 1, 16 and 64 connections, beside the disk's own fsync rate in the same run.
//! Figures only; nothing here passes or fails.
//!
//! `cargo bench -p myriad --bench load`

#![expect(clippy::disallowed_methods, reason = "a benchmark's clients end with it")]

#[path = "load/wire.rs"]
mod wire;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use testkit::{Api, Options, PASSWORD, Person, Server};

const RUN: Duration = Duration::from_secs(4);
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// What one run saw.
struct Run {
    operations: usize,
    per_second: f64,
    p50_us: u128,
    p99_us: u128,
}

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
        let gets = people.iter().map(get).collect::<Vec<_>>();
        print("GET", count, &run(server.address(), count, 200, gets).await?);
    }
    let ops = server.ops()?;
    for count in CONNECTIONS {
        let before = commits(&ops).await?;
        let patched = run(server.address(), count, 200, people.iter().map(patch).collect()).await?;
        print("PATCH", count, &patched);
        let spent = commits(&ops).await? - before;
        println!("    {:.1} acknowledged PATCHes per durable commit", ratio(patched.operations, spent));
    }
    sign_ups(server.address()).await?;
    hashing(server.address(), &people).await
}

/// A request, made anew for each sending by a number that rises.
type Request = Box<dyn Fn(usize) -> Vec<u8> + Send>;

fn get(john: &Person) -> Request {
    let bytes =
        format!("GET {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", john.path(), john.token).into_bytes();
    Box::new(move |_| bytes.clone())
}

fn patch(john: &Person) -> Request {
    let john = john.clone();
    Box::new(move |number| {
        let body = format!("{{\"lastName\":\"Smith {number}\"}}");
        format!(
            "PATCH {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            john.path(),
            john.token,
            body.len()
        )
        .into_bytes()
    })
}

fn sign_up(stem: usize) -> Request {
    Box::new(move |number| {
        let body = format!(
            "{{\"email\":\"bench-{stem}-{number}@example.com\",\"password\":\"{PASSWORD}\",\"firstName\":\"John\",\"lastName\":\"Smith\"}}"
        );
        post("/v1/users", &body)
    })
}

fn sign_in(john: &Person) -> Request {
    let bytes = post("/v1/sessions", &format!("{{\"email\":\"{}\",\"password\":\"{PASSWORD}\"}}", john.email));
    Box::new(move |_| bytes.clone())
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// `count` connections, each sending as fast as it is answered.
async fn run(address: &str, count: usize, status: u16, requests: Vec<Request>) -> Result<Run> {
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = requests
        .into_iter()
        .take(count)
        .map(|request| {
            let (address, stop) = (address.to_owned(), stop.clone());
            tokio::spawn(async move {
                let mut connection = wire::Connection::open(&address).await?;
                let mut times = Vec::with_capacity(1 << 16);
                while !stop.load(Ordering::Relaxed) {
                    let bytes = request(times.len());
                    let sent = Instant::now();
                    let answered = connection.exchange(&bytes).await?;
                    times.push(sent.elapsed());
                    ensure!(answered == status, "answered {answered}");
                }
                Ok(times)
            })
        })
        .collect();
    tokio::time::sleep(RUN).await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0, Duration::as_micros);
    Ok(Run { operations: times.len(), per_second: ratio(times.len(), elapsed), p50_us: at(50), p99_us: at(99) })
}

fn print(what: &str, connections: usize, run: &Run) {
    println!(
        "{what} at {connections} connections: {:.0}/s, p50 {} us, p99 {} us",
        run.per_second, run.p50_us, run.p99_us
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures")]
fn ratio(operations: usize, by: f64) -> f64 {
    operations as f64 / by
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
    let text = ops.get("/metrics").send().await.text();
    let lines = text.lines().filter(|line| line.starts_with("myriad_store_commits_total"));
    let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    ensure!(!values.is_empty(), "no myriad_store_commits_total in /metrics");
    Ok(values.iter().sum())
}

/// Sign-ups cost what their password's hash costs; beside it, the hash alone, by a sign-in that fails.
async fn sign_ups(address: &str) -> Result<()> {
    for count in CONNECTIONS {
        let stem = count * 1000;
        let run = run(address, count, 201, (0..count).map(|index| sign_up(stem + index)).collect()).await?;
        print("sign-up, hashing included,", count, &run);
    }
    let mut connection = wire::Connection::open(address).await?;
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
    let alone = run(address, 16, 200, people.iter().map(get).collect()).await?;
    print("GET alone", 16, &alone);
    let beside = tokio::spawn({
        let (address, requests) = (address.to_owned(), people.iter().take(4).map(sign_in).collect());
        async move { run(&address, 4, 201, requests).await }
    });
    let busy = run(address, 16, 200, people.iter().map(get).collect()).await?;
    print("GET while passwords are hashed", 16, &busy);
    print("sign-in beside it", 4, &beside.await.context("task")??);
    println!(
        "p99 while hashing / alone: {:.2}",
        ratio(usize::try_from(busy.p99_us)?, ratio(usize::try_from(alone.p99_us)?, 1.0))
    );
    Ok(())
}
