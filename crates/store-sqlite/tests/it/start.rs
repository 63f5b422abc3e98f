//! Starts that must fail say why and what to do; starts that must not, do not.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use store::{Cluster, Engine, Error, Identity, SHARD, prepare, tables::inbox, transact};
use store_sqlite::{Options, Sqlite};
use tempfile::TempDir;

use super::{NOW, options, own, shard};

fn refusal(options: &Options) -> String {
    match Sqlite::open(options) {
        Err(Error::Unusable(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_file_is_refused_with_advice_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let options = options(&dir);
    let rubbish = b"this is not a database".repeat(400);
    fs::write(&options.path, &rubbish).unwrap();
    let text = refusal(&options);
    assert!(text.contains("shard-0.db") && text.contains("backup"), "{text}");
    assert_eq!(fs::read(&options.path).unwrap(), rubbish);
}

#[test]
fn a_path_that_cannot_be_written_is_refused_with_advice() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let below_a_file = Options::at(dir.path().join("file/shard-0.db"));
    assert!(refusal(&below_a_file).contains("data directory"));
    let a_directory = Options::at(dir.path());
    assert!(refusal(&a_directory).contains("data directory"));
    // Root may write anywhere, so this part says nothing there.
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(closed.join("probe"), "").is_err() {
        let text = refusal(&Options::at(closed.join("shard-0.db")));
        assert!(text.contains("write access"), "{text}");
    }
    // A file system that nobody may write to, root included.
    let text = refusal(&Options::at("/proc/myriad/shard-0.db"));
    assert!(text.contains("/proc/myriad/shard-0.db"), "{text}");
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_said_to_be_one() {
    let dir = TempDir::new().unwrap();
    let engine = Sqlite::open(&options(&dir)).unwrap();
    // SQLite's own bound on the file's pages meets the first migration as a full disk does.
    let limit = transact(&*engine, |tx| Box::pin(async move { tx.define("PRAGMA max_page_count = 4").await }));
    limit.await.unwrap();
    let identity = Identity { cluster: Cluster::Known("c1".to_owned()), member: "shard-0".to_owned() };
    let Err(Error::Unusable(text)) = prepare(&*engine, &SHARD, identity).await else { panic!("prepared") };
    assert!(text.contains("shard-0") && text.contains("full") && text.contains("space"), "{text}");
}

#[tokio::test]
async fn the_files_can_be_read_by_their_owner_only() {
    let dir = TempDir::new().unwrap();
    let (_engine, shard) = shard(&options(&dir)).await;
    shard.write(own(0), |tx| Box::pin(async move { inbox::consume(tx, "x", NOW, NOW).await })).await.unwrap();
    for file in fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o077, 0, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn a_closed_database_is_one_file_and_opens_again() {
    let dir = TempDir::new().unwrap();
    for round in 0..3 {
        let (engine, shard) = shard(&options(&dir)).await;
        let id = round.to_string();
        shard.write(own(0), move |tx| Box::pin(async move { inbox::consume(tx, &id, NOW, NOW).await })).await.unwrap();
        engine.close().await;
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["shard-0.db"], "the log was taken into the file");
    }
}

#[tokio::test]
async fn two_processes_may_share_a_file() {
    // Two engines on one file are to SQLite what two processes are.
    let dir = TempDir::new().unwrap();
    let (_one, first) = shard(&options(&dir)).await;
    let (_two, second) = shard(&options(&dir)).await;
    for round in 0..50 {
        for (name, shard) in [("a", &first), ("b", &second)] {
            let id = format!("{name}{round}");
            let (written, read) = (id.clone(), id);
            let work =
                shard.write(own(1), move |tx| Box::pin(async move { inbox::consume(tx, &written, NOW, NOW).await }));
            assert!(work.await.unwrap().value);
            let other = if name == "a" { &second } else { &first };
            assert!(inbox::contains(&mut other.read(own(1)), own(1).bucket, &read).await.unwrap());
        }
    }
}
