//! Figures: time to the first ready answer, and resident memory over a server's life. Figures only; nothing here passes or fails.
//!
//! `cargo bench -p myriad --bench start`

#![expect(clippy::disallowed_methods, reason = "a benchmark's clients end with it")]

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use testkit::{
    Options, Person, Server,
    bench::{Connection, resident},
};

const ROUNDS: usize = 15;
const GETS: usize = 100_000;
const HTTP: &str = "127.0.0.1:18480";
const OPS: &str = "127.0.0.1:18481";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        start_times().await?;
        memory().await
    })
}

/// From the start of the process to the first 200 of `/readyz`, asked every half millisecond.
async fn start_times() -> Result<()> {
    let (mut empty, mut existing) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let directory = tempfile::tempdir()?;
        for times in [&mut empty, &mut existing] {
            let started = Instant::now();
            let mut child = serve(directory.path())?;
            ready().await?;
            times.push(started.elapsed());
            child.kill()?;
            child.wait()?;
        }
    }
    report("empty directory to first 200 of /readyz, ms", &mut empty);
    report("existing data to first 200 of /readyz, ms", &mut existing);
    Ok(())
}

fn serve(directory: &std::path::Path) -> Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_myriad"))
        .args(["serve", "--http", HTTP, "--ops", OPS, "--data-dir"])
        .arg(directory.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start")
}

async fn ready() -> Result<()> {
    let limit = Instant::now() + Duration::from_secs(20);
    while Instant::now() < limit {
        if let Ok(mut connection) = Connection::open(OPS).await
            && matches!(connection.exchange(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").await, Ok(200))
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    anyhow::bail!("not ready in 20 s")
}

fn report(name: &str, times: &mut [Duration]) {
    times.sort();
    let ms = |index: usize| times[index].as_secs_f64() * 1000.0;
    println!("{name}: min {:.1}, median {:.1}, max {:.1}", ms(0), ms(times.len() / 2), ms(times.len() - 1));
}

async fn memory() -> Result<()> {
    let mut server = Server::start(Options::new(env!("CARGO_BIN_EXE_myriad"))).await?;
    let pid = server.pid().context("running")?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("idle: {:.1} MiB RSS", resident(pid, "VmRSS")?);
    let john = Person::new(&server.api()?).await;
    println!("after a sign-up and a sign-in (19 MiB are Argon2's): {:.1} MiB RSS", resident(pid, "VmRSS")?);
    // Started anew, so that what the GETs take is seen apart from what the password took.
    server.stop().await?;
    server.restart().await?;
    let pid = server.pid().context("running")?;
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", john.path());
    let started = Instant::now();
    let address = server.address().to_owned();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (address, get) = (address.clone(), get.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await?;
                for _ in 0..GETS / 16 {
                    connection.exchange(get.as_bytes()).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = f64::from(u32::try_from(GETS)?) / started.elapsed().as_secs_f64();
    println!("after {GETS} GETs at {rate:.0}/s: {:.1} MiB RSS", resident(pid, "VmRSS")?);
    let url = server.api()?.base().to_owned();
    for (what, times) in [("demo x 100", "100"), ("demo x 100 more", "100"), ("demo x 800 more", "800")] {
        let demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_myriad"))
            .args(["demo", "--url", &url, "--times", times])
            .stdout(Stdio::null())
            .status()
            .await?;
        anyhow::ensure!(demo.success(), "the demo failed");
        println!("after {what}: {:.1} MiB RSS, {:.1} MiB peak", resident(pid, "VmRSS")?, resident(pid, "VmHWM")?);
    }
    Ok(())
}
