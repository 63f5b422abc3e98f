//! pgbench, which comes with PostgreSQL, on the stack's own server: what one prepared SELECT by primary key takes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use stack::Stack;
use testkit::{
    Launch,
    bench::{cpu_of_ended_children, processes_below},
    engines::postgres,
};

use crate::{
    report::of,
    shape::{Shape, between},
};

const DATABASE: &str = "pgbench";
const SECONDS: u32 = 4;
const SETTLE: Duration = Duration::from_millis(500);

/// What a transaction took.
pub struct Transaction {
    pub per_second: f64,
    pub server: Duration,
    pub client: Duration,
}

/// Makes and fills a database.
pub async fn prepare(stack: &mut Stack) -> Result<()> {
    stack.member("postgres")?.postgres()?.create_database(DATABASE).await?;
    pgbench(stack, &["-i", "-q", "-s", "1"]).await.map(drop)
}

/// `pgbench -S -M prepared` with so many clients.
pub async fn measure(stack: &mut Stack, shape: &Shape, clients: usize) -> Result<Transaction> {
    let (before, client) = (shape.usage()?, cpu_of_ended_children());
    let (clients, seconds) = (clients.to_string(), SECONDS.to_string());
    let printed = pgbench(stack, &["-S", "-M", "prepared", "-c", &clients, "-T", &seconds]).await?;
    // A server process that has ended is counted once the server has noticed.
    tokio::time::sleep(SETTLE).await;
    let count: u32 = number(&printed, "number of transactions actually processed: ")?;
    let server = of(&between(&before, &shape.usage()?), "PostgreSQL");
    Ok(Transaction {
        per_second: number(&printed, "tps = ")?,
        server: server / count,
        client: cpu_of_ended_children().saturating_sub(client) / count,
    })
}

async fn pgbench(stack: &mut Stack, arguments: &[&str]) -> Result<String> {
    let port = stack.member("postgres")?.postgres()?.port().to_string();
    let directory = &stack.layout().options.directory;
    // Beside the server that runs, so that both are of one version.
    let program = processes_below(directory)?
        .into_iter()
        .filter(|process| process.folder == "postgres")
        .find_map(|process| Some(process.program?.parent()?.join("pgbench")))
        .context("PostgreSQL does not run")?;
    let command = Launch::new("pgbench", program, directory)
        .args(arguments.iter().copied())
        .args(["-h", "127.0.0.1", "-p", &port, "-U", postgres::SUPERUSER, DATABASE])
        .env("PGPASSWORD", postgres::PASSWORD);
    command.run().await
}

/// The number after some words.
fn number<N: std::str::FromStr>(text: &str, after: &str) -> Result<N> {
    let rest = text.split_once(after).map(|(_, rest)| rest);
    let digits = rest.and_then(|rest| rest.split(|char: char| !char.is_ascii_digit() && char != '.').next());
    digits.and_then(|digits| digits.parse().ok()).with_context(|| format!("no {after:?} in {text}"))
}
