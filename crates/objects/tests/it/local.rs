//! What only the local directory has: staging files, permissions, a crash in the middle of a write.

use std::fs;
use std::path::Path;

use objects::{Error, Key, Objects};

use crate::contract::{image, picture, put, read};

fn files_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_killed_upload_is_swept_after_the_grace_time_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::local(dir.path()).unwrap();
    let kept = put(&objects, image(1), &picture(300_000, 1)).await;

    // What kill -9 leaves: a destructor that never ran, while parts were written and while a put was renamed.
    let mut upload = objects.upload(u64::MAX);
    upload.write(picture(400_000, 2)).await.unwrap();
    std::mem::forget(upload);
    let key = Key::source(image(2), kept.hash());
    fs::write(dir.path().join(format!("sources/02/{}#1", key.name())), b"half").unwrap();
    // And an upload that was complete but never published.
    let mut upload = objects.upload(u64::MAX);
    upload.write(picture(400_000, 2)).await.unwrap();
    drop(upload.finish().await.unwrap());
    assert_eq!(files_below(dir.path()).len(), 4);

    let now_ms = model::time::now_ms();
    assert_eq!(objects.sweep_uploads(now_ms, 60_000).await.unwrap(), 0);
    assert_eq!(objects.sweep_uploads(now_ms + 120_000, 60_000).await.unwrap(), 3);
    assert_eq!(files_below(dir.path()), [kept.name()]);
    assert_eq!(read(&objects, &kept, None).await.unwrap(), picture(300_000, 1));
}

#[tokio::test]
async fn objects_are_there_after_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let key = put(&Objects::local(dir.path()).unwrap(), image(1), &picture(300_000, 1)).await;
    assert_eq!(read(&Objects::local(dir.path()).unwrap(), &key, None).await.unwrap().len(), 300_000);
}

#[tokio::test]
async fn concurrent_writers_of_one_key_leave_it_whole() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::local(dir.path()).unwrap();
    let bytes = picture(600_000, 1);
    let keys = futures::future::join_all((0..16).map(|_| put(&objects, image(1), &bytes))).await;
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(read(&objects, &keys[0], None).await.unwrap(), bytes);
    assert_eq!(files_below(dir.path()).len(), 1);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = Objects::local(&file.join("objects"));
    assert!(matches!(&refused, Err(Error::Directory { path, .. }) if path.contains("file")), "{refused:?}");
}
