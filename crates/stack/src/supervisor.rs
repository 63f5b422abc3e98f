//! The process that owns the stack for people: `up` starts it in the background, `down` ends it, `status` asks everybody.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use comfy_table::{Table, presets};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Options, Place, Stack, http::is_ready};

/// How long everything together may take to come up or to end.
const LIMIT: Duration = Duration::from_mins(3);

/// What a running stack writes down about itself: `stack.json` in its directory.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pid: u32,
    url: String,
    places: Vec<Place>,
    started_in_ms: u128,
}

/// Starts a stack in the background and prints where everything is.
///
/// # Errors
/// Where one runs already, or with the log of what did not start.
pub async fn up(directory: &Path, http: u16) -> Result<()> {
    if let Some(state) = running(directory) {
        println!("The stack runs already: {}", state.url);
        return status(directory).await;
    }
    own_directory(directory)?;
    let _ = fs::remove_file(state_file(directory));
    let log = File::create(directory.join("stack.log"))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["run", "--dir"])
        .arg(directory)
        .args(["--http", &http.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let started = Instant::now();
    while running(directory).is_none() {
        if let Some(ended) = child.try_wait()? {
            bail!("the stack did not start ({ended}):\n{}", fs::read_to_string(directory.join("stack.log"))?);
        }
        ensure!(
            started.elapsed() < LIMIT,
            "the stack was not ready within {LIMIT:?}; see {}/stack.log",
            directory.display()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    status(directory).await
}

/// Runs a stack until a signal.
///
/// # Errors
/// Says who did not start or end.
pub async fn run(directory: &Path, http: u16) -> Result<()> {
    own_directory(directory)?;
    let options = Options { http, ..Options::new(directory)? };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let started = Instant::now();
    let stack = tokio::select! {
        stack = Stack::start(options, |name, ms| println!("{ms:>6} ms  {name} is ready")) => stack?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let state = State {
        pid: std::process::id(),
        url: stack.url(),
        places: stack.layout().places.clone(),
        started_in_ms: started.elapsed().as_millis(),
    };
    // Written aside and renamed: who waits for it never reads half.
    let aside = directory.join("stack.json.new");
    fs::write(&aside, serde_json::to_vec_pretty(&state)?)?;
    fs::rename(aside, state_file(directory))?;
    println!("{} is up", state.url);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    println!("stopping");
    stack.stop().await
}

/// Ends a stack and removes its directory.
///
/// # Errors
/// Where it does not end in time.
pub async fn down(directory: &Path) -> Result<()> {
    if let Some(state) = running(directory) {
        let pid = pid(state.pid).context("stack.json names no process")?;
        kill_process(pid, Signal::TERM)?;
        let started = Instant::now();
        while test_kill_process(pid).is_ok() {
            ensure!(started.elapsed() < LIMIT, "the stack (process {}) did not end within {LIMIT:?}", state.pid);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    } else if !directory.join("stack.log").is_file() {
        println!("No stack is in {}.", directory.display());
        return Ok(());
    }
    fs::remove_dir_all(directory).with_context(|| format!("{} cannot be removed", directory.display()))?;
    println!("The stack is down, and nothing of it is left.");
    Ok(())
}

/// Prints who runs where and whether it is ready.
///
/// # Errors
/// Where no stack runs.
pub async fn status(directory: &Path) -> Result<()> {
    let state =
        running(directory).with_context(|| format!("no stack runs in {}: make stack-up", directory.display()))?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["instance", "HTTP or gRPC", "operators", "ready"]);
    for place in &state.places {
        let port = place.port.map_or_else(String::new, |port| format!("127.0.0.1:{port}"));
        let ready = if is_ready(place.ops).await { "yes" } else { "NO" };
        table.add_row([place.name.clone(), port, format!("127.0.0.1:{}", place.ops), ready.to_owned()]);
    }
    println!("{table}");
    let folder = directory.display();
    println!(
        "Page and API: {} (HAProxy over the gateways); ready after {} ms; logs and data in {folder}",
        state.url, state.started_in_ms
    );
    println!(
        "One service by itself: grpcurl -plaintext -H \"authorization: Bearer $(cat {folder}/service.key)\" ADDRESS list"
    );
    Ok(())
}

/// The state of a stack whose process lives.
fn running(directory: &Path) -> Option<State> {
    let state: State = serde_json::from_slice(&fs::read(state_file(directory)).ok()?).ok()?;
    test_kill_process(pid(state.pid)?).is_ok().then_some(state)
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

fn state_file(directory: &Path) -> PathBuf {
    directory.join("stack.json")
}

/// Makes the directory, or refuses one that is somebody else's or holds something else: it is removed in the end.
fn own_directory(directory: &Path) -> Result<()> {
    let shown = directory.display();
    if !directory.exists() {
        // Others may pass through, as PostgreSQL's own user must, and see nothing.
        return DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(directory)
            .with_context(|| format!("{shown} cannot be made"));
    }
    let owner = fs::metadata(directory)?.uid();
    ensure!(owner == rustix::process::geteuid().as_raw(), "{shown} belongs to another user; name another directory");
    let ours = directory.join("stack.log").is_file() || fs::read_dir(directory)?.next().is_none();
    ensure!(ours, "{shown} holds something else; name another directory");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_else_in_it_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        own_directory(directory.path()).unwrap();
        fs::write(directory.path().join("thesis.tex"), "years of work").unwrap();
        assert!(own_directory(directory.path()).unwrap_err().to_string().contains("something else"));
    }

    #[test]
    fn a_state_of_a_process_that_is_gone_is_no_running_stack() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let state = State { pid: child.id(), url: String::new(), places: Vec::new(), started_in_ms: 0 };
        child.wait().unwrap();
        fs::write(state_file(directory.path()), serde_json::to_vec(&state).unwrap()).unwrap();
        assert!(running(directory.path()).is_none());
    }
}
