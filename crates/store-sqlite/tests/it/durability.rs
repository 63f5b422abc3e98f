//! What was acknowledged survives a kill. The child is this same test binary, writing until it is killed; every id it prints
//! was acknowledged, so the parent must find it. A twin that acknowledges early must be caught by the same check.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use futures::future::join_all;
use store::{Query, tables::inbox};
use store_sqlite::Options;
use tempfile::TempDir;

use super::{NOW, own, shard};

const CHILD: &str = "durability::child_that_writes_until_it_is_killed";

/// Not a test of its own: the process that gets killed. Without its directory it has nothing to do.
#[tokio::test]
#[ignore = "started by the tests below"]
async fn child_that_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os("STORE_TEST_DIR") else {
        return;
    };
    let mut options = Options::at(Path::new(&dir).join("shard-0.db"));
    options.acknowledge_before_commit = std::env::var_os("STORE_TEST_SABOTAGE").is_some();
    let (_engine, shard) = shard(&options).await;
    let offset: u64 = std::env::var_os("STORE_TEST_OFFSET").unwrap().to_str().unwrap().parse().unwrap();
    join_all((0..16_u64).map(|writer| {
        let shard = &shard;
        async move {
            for round in 0.. {
                let id = format!("{}", offset + round * 16 + writer);
                let line = format!("ack {id}\n");
                let bucket = u32::try_from(writer).unwrap();
                shard
                    .write(own(bucket), move |tx| Box::pin(async move { inbox::consume(tx, &id, NOW, NOW).await }))
                    .await
                    .unwrap();
                // One call, so that no line is cut in two by the kill.
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    }))
    .await;
}

/// Runs the child, kills it after it has acknowledged a number of writes: all ids acknowledged.
fn run_and_kill(dir: &TempDir, offset: u64, sabotage: bool) -> BTreeSet<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", CHILD, "--ignored", "--nocapture"]);
    command.env("STORE_TEST_DIR", dir.path()).env("STORE_TEST_OFFSET", offset.to_string());
    if sabotage {
        command.env("STORE_TEST_SABOTAGE", "1");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        // The harness prints before the first acknowledgement, on the same line perhaps.
        if let Some((_, id)) = line.trim_end().split_once("ack ") {
            acknowledged.insert(id.to_owned());
        }
        if acknowledged.len() == 300 {
            // SIGKILL; what it wrote before is still in the pipe and is read on.
            child.kill().unwrap();
        }
        line.clear();
    }
    child.wait().unwrap();
    acknowledged
}

async fn missing(dir: &TempDir, acknowledged: &BTreeSet<String>) -> usize {
    let (engine, shard) = shard(&Options::at(dir.path().join("shard-0.db"))).await;
    let rows = shard.read_all().query("SELECT id FROM inbox", &[]).await.unwrap();
    let found: BTreeSet<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    store::Engine::close(&*engine).await;
    acknowledged.difference(&found).count()
}

#[tokio::test]
async fn a_kill_loses_nothing_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        acknowledged.append(&mut run_and_kill(&dir, round * 1_000_000, false));
        assert!(acknowledged.len() >= 300, "the child did not write: {}", acknowledged.len());
        assert_eq!(missing(&dir, &acknowledged).await, 0, "round {round}");
    }
}

#[tokio::test]
async fn the_check_notices_an_engine_that_acknowledges_before_it_commits() {
    let dir = TempDir::new().unwrap();
    let mut lost = 0;
    for round in 0..5 {
        let acknowledged = run_and_kill(&dir, round * 1_000_000, true);
        lost += missing(&dir, &acknowledged).await;
    }
    assert!(lost > 0, "the sabotage went unseen");
}

#[tokio::test]
async fn positions_rise_over_restarts_and_kills() {
    let dir = TempDir::new().unwrap();
    let mut last = 0;
    for round in 0..3 {
        let (engine, shard) = shard(&super::options(&dir)).await;
        for number in 0..3 {
            let id = format!("{round}-{number}");
            let work = shard.write(own(0), move |tx| Box::pin(async move { inbox::consume(tx, &id, NOW, NOW).await }));
            let log = work.await.unwrap().position.log;
            assert!(log > last, "{log} after {last}");
            last = log;
        }
        store::Engine::close(&*engine).await;
        run_and_kill(&dir, 1_000_000 * round, false);
    }
}
