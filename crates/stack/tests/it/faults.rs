//! The fault table: each member killed, or frozen and thawed, under mixed load; what failed, for how long, what was lost.
//!
//! `MYRIAD_FAULTS=long` runs every fault with longer phases, as `make fault-table` does; the short form leaves out what differs
//! little from another row.

use std::time::{Duration, Instant};

use crate::{
    World,
    load::{Kind, Load, Operation},
    report::Row,
};

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Freeze,
}

/// Who may fail after the first two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spared {
    /// Nobody fails.
    All,
    /// Nobody is refused for longer than the databases hold the locks of a service that stands still.
    AllButForAMoment,
    /// Those of the last shard are refused, within their deadline and with Retry-After; nobody else.
    AllButTheLastShard,
    /// Uploads are refused; nothing else.
    AllButUploads,
}

/// Fault, members, spared, whether the short form has it.
const FAULTS: [(Blow, &[&str], Spared, bool); 17] = [
    (Blow::Kill, &["gateway-1"], Spared::All, true),
    (Blow::Freeze, &["gateway-2"], Spared::All, false),
    (Blow::Kill, &["user-service-1"], Spared::AllButForAMoment, true),
    (Blow::Freeze, &["user-service-2"], Spared::AllButForAMoment, false),
    (Blow::Kill, &["session-service-1"], Spared::AllButForAMoment, false),
    (Blow::Freeze, &["session-service-2"], Spared::AllButForAMoment, false),
    (Blow::Kill, &["image-worker-1"], Spared::All, false),
    (Blow::Freeze, &["image-worker-2"], Spared::All, false),
    (Blow::Kill, &["shard-router-1", "shard-router-2"], Spared::All, true),
    (Blow::Freeze, &["shard-router-1", "shard-router-2"], Spared::All, false),
    (Blow::Kill, &["redis"], Spared::All, true),
    (Blow::Freeze, &["redis"], Spared::All, false),
    (Blow::Kill, &["rabbitmq"], Spared::All, true),
    (Blow::Freeze, &["rabbitmq"], Spared::All, false),
    (Blow::Kill, &[LAST_SHARD], Spared::AllButTheLastShard, true),
    (Blow::Freeze, &[LAST_SHARD], Spared::AllButTheLastShard, false),
    (Blow::Kill, &["s3"], Spared::AllButUploads, true),
];

/// The server that holds the last shard and nothing else.
const LAST_SHARD: &str = "postgres-last";
/// `idle_in_transaction_ms` of the services, a statement's wait for a lock, and a little.
const MOMENT: Duration = Duration::from_secs(4);
/// The gateway's deadline, and a little.
const DEADLINE: Duration = Duration::from_secs(11);

/// Whether the drills are to take their time.
pub fn long() -> bool {
    std::env::var("MYRIAD_FAULTS").is_ok_and(|form| form == "long")
}

// R27 R52 R63
pub async fn the_table(world: &mut World) {
    let phase = if long() { Duration::from_secs(10) } else { Duration::from_secs(5) };
    let load = Load::start(&world.stack).await;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for (blow, members, spared, _) in FAULTS.into_iter().filter(|(.., short)| *short || long()) {
        let name = format!("{blow:?} {}", members.join(" and "));
        settle(&load).await;
        tokio::time::sleep(phase / 2).await;
        let before = load.take();
        let at = Instant::now();
        strike(world, blow, members).await;
        tokio::time::sleep(phase).await;
        let healed = Instant::now();
        heal(world, blow, members).await;
        // What was begun while it was gone may end when it is back.
        let mut during = settle(&load).await;
        during.retain(|operation| operation.began < healed);
        let row = Row::of(&name, &before, &during, at);
        row.print();
        wrong.extend(judge(&row, spared, &during, at).into_iter().map(|what| format!("{name}: {what}")));
        rows.push(row);
    }
    settle(&load).await;
    let acknowledged = load.ledger.acknowledgements();
    let lost = load.end().await;
    println!("\nfault table: {acknowledged} writes acknowledged, {} lost", lost.len());
    rows.iter().for_each(Row::print);
    assert_eq!(lost, Vec::<String>::new(), "nothing acknowledged is lost");
    assert_eq!(wrong, Vec::<String>::new());
}

/// The sabotage twin: a shard that acknowledges before the commit is in its log must be caught by the same load and ledger.
///
/// What is lost is what the kernel did not have yet, a page of the log at most: with luck nothing, so there are several rounds.
pub async fn a_database_that_acknowledges_too_early_is_caught(world: &mut World) {
    for round in 1..=5 {
        let (acknowledged, lost) = sabotaged(world).await;
        println!("sabotage, round {round}: {acknowledged} writes acknowledged, {lost} found lost");
        if lost > 0 {
            return;
        }
    }
    panic!("the sabotage went unseen");
}

async fn sabotaged(world: &mut World) -> (usize, usize) {
    const EARLY: &str = "ALTER SYSTEM SET synchronous_commit = off";
    const SLOW_LOG: &str = "ALTER SYSTEM SET wal_writer_delay = '10s'";
    for statement in [EARLY, SLOW_LOG, "SELECT pg_reload_conf()"] {
        last_shard(world, statement).await;
    }
    let load = Load::start(&world.stack).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    strike(world, Blow::Kill, &[LAST_SHARD]).await;
    // It is told to be honest again before the services see it.
    let settings = world.stack.layout().folder(LAST_SHARD).join("postgres/data/postgresql.auto.conf");
    std::fs::write(&settings, "").unwrap();
    heal(world, Blow::Kill, &[LAST_SHARD]).await;
    // The cache still has what the database lost.
    world.stack.member("redis").unwrap().redis().unwrap().flush().await.unwrap();
    settle(&load).await;
    (load.ledger.acknowledgements(), load.end().await.len())
}

async fn last_shard(world: &mut World, statement: &str) {
    let server = world.stack.member(LAST_SHARD).unwrap().postgres().unwrap();
    server.sql("postgres", statement).await.unwrap();
}

/// Waits until everything goes well again, for a second on end; returns what was done until then.
async fn settle(load: &Load) -> Vec<Operation> {
    let started = Instant::now();
    let mut all = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let operations = load.take();
        let well = operations.len() > 20 && operations.iter().all(Operation::succeeded);
        all.extend(operations);
        if well {
            return all;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "it does not go well again: {:#?}", all.last());
    }
}

async fn strike(world: &mut World, blow: Blow, members: &[&str]) {
    for name in members {
        let member = world.stack.member(name).unwrap();
        match blow {
            Blow::Kill => member.kill().await.unwrap(),
            Blow::Freeze => member.freeze(),
        }
    }
}

async fn heal(world: &mut World, blow: Blow, members: &[&str]) {
    for name in members {
        let member = world.stack.member(name).unwrap();
        match blow {
            Blow::Kill => member.restart().await.unwrap(),
            Blow::Freeze => member.thaw(),
        }
    }
}

/// What a row has that the table does not allow.
fn judge(row: &Row, spared: Spared, during: &[Operation], at: Instant) -> Vec<String> {
    match spared {
        Spared::All => row.late.clone(),
        Spared::AllButForAMoment => refused_well(during, at, |operation| operation.began < at + MOMENT, false),
        Spared::AllButTheLastShard => refused_well(during, at, |operation| operation.shards.contains(&3), true),
        Spared::AllButUploads => refused_well(during, at, |operation| operation.kind == Kind::Upload, true),
    }
}

/// Those meant may be refused, with 503, Retry-After and within the deadline; all others only in the first two seconds.
fn refused_well(during: &[Operation], at: Instant, meant: impl Fn(&Operation) -> bool, felt: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut refused = 0;
    for operation in during.iter().filter(|operation| !operation.succeeded()) {
        let status = operation.answer.as_ref().map(|(status, _)| *status);
        let late = operation.began.saturating_duration_since(at) > crate::report::GRACE;
        if meant(operation) {
            refused += 1;
            if late && (status != Some(503) || !operation.retry_after || operation.took > DEADLINE) {
                wrong.push(format!("refused badly: {operation:?}"));
            }
        } else if late {
            wrong.push(format!("should have been spared: {operation:?}"));
        }
    }
    if felt && refused == 0 {
        wrong.push("nobody felt the fault: was there one?".to_owned());
    }
    wrong
}
