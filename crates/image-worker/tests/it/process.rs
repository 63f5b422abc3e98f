//! The transforming process by itself.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::house::{House, WORKER, png, script};

#[test]
fn run_by_hand_it_says_whose_command_it_is() {
    let ended = Command::new(WORKER).arg("transform").stdin(Stdio::null()).output().unwrap();
    assert_eq!(ended.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("image worker"));
    assert!(ended.stdout.is_empty());
}

#[test]
fn it_ends_when_its_worker_does() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::write(&source, png(4_000, 3_000)).unwrap();
    let mut child = Command::new(WORKER).arg("transform").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let spec = serde_json::json!({
        "source": source, "outputs": dir.path(),
        "request": {"variants": {"default": [{"op": "format", "format": "avif"}]}},
        "limits": {"memory_bytes": 1_u64 << 30, "cpu_s": 600, "file_bytes": 1_u64 << 30, "niceness": 5},
    });
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{spec}").unwrap();
    // The worker's end closes its pipes, kill -9 or not.
    drop(stdin);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(71), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_no_variable_of_the_workers() {
    let house = House::open(|settings, dir| {
        settings.transformer = Some(script(dir, &format!("export -p > '{}'", dir.join("env").display())));
    });
    let job = house.upload_small(1).await;
    house.publish(&job).await.unwrap();
    let seen = fs::read_to_string(house.dir.path().join("env")).unwrap();
    assert!(seen.contains("MALLOC_ARENA_MAX"), "{seen}");
    assert!(!seen.contains("CARGO") && !seen.contains("HOME"), "{seen}");
}
