//! What only a server has: parts that travel, a server that goes away, bytes that change on the way.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use model::error::Code;
use objects::{Class, ContentHash, Error, Key, Objects, S3Settings};
use testkit::engines::S3;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::contract::{image, picture, put, read};

const MIB: usize = 1024 * 1024;

pub fn settings(server: &S3) -> S3Settings {
    S3Settings {
        endpoint: server.endpoint(),
        bucket: server.bucket().to_owned(),
        access_key: server.access_key().to_owned(),
        secret_key: server.secret_key().into(),
        ..S3Settings::default()
    }
}

async fn open() -> (tempfile::TempDir, S3, Objects) {
    let dir = tempfile::tempdir().unwrap();
    let server = S3::start(dir.path()).await.unwrap();
    let objects = Objects::s3(&settings(&server)).unwrap();
    (dir, server, objects)
}

async fn store(objects: &Objects, bytes: Bytes) -> objects::Result<Key> {
    objects.put(bytes, |hash| Key::source(image(1), hash)).await
}

fn is_unavailable(error: Error) -> bool {
    model::Error::from(error).code == Code::Unavailable
}

#[tokio::test]
async fn an_upload_of_several_parts_is_published_whole_and_leaves_nothing_else() {
    let (_dir, _server, objects) = open().await;
    let bytes = picture(11 * MIB + 17, 3);
    let key = put(&objects, image(1), &bytes).await;
    assert_eq!(read(&objects, &key, None).await.unwrap(), bytes);
    assert_eq!(objects.list(Class::Media).count().await, 1);
    assert_eq!(objects.sweep_uploads(i64::MAX, 0).await.unwrap(), 0);

    let mut upload = objects.upload(u64::MAX);
    upload.write(picture(6 * MIB, 5)).await.unwrap();
    let staged = upload.finish().await.unwrap();
    assert_eq!(objects.list(Class::Media).count().await, 1);
    drop(staged);
    assert_eq!(objects.sweep_uploads(i64::MAX, 0).await.unwrap(), 1, "what was never published is swept");
}

#[tokio::test]
async fn a_server_that_is_down_is_told_quickly_and_used_again_when_it_is_back() {
    let (_dir, mut server, objects) = open().await;
    let kept = store(&objects, picture(1000, 1)).await.unwrap();
    server.kill().await.unwrap();
    let began = Instant::now();
    assert!(is_unavailable(store(&objects, picture(1000, 3)).await.unwrap_err()));
    assert!(is_unavailable(objects.get_bytes(&kept).await.unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    server.restart().await.unwrap();
    assert_eq!(objects.get_bytes(&kept).await.unwrap(), picture(1000, 1));
    store(&objects, picture(1000, 3)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_silent_is_waited_for_once() {
    let (_dir, server, objects) = open().await;
    server.freeze();
    let began = Instant::now();
    assert!(is_unavailable(store(&objects, picture(1000, 1)).await.unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    server.thaw();
    store(&objects, picture(1000, 1)).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_its_server_does_not_survive_leaves_nothing_to_be_seen() {
    let (_dir, mut server, objects) = open().await;
    let mut upload = objects.upload(u64::MAX);
    upload.write(picture(6 * MIB, 1)).await.unwrap();
    server.kill().await.unwrap();
    assert!(is_unavailable(upload.write(picture(6 * MIB, 3)).await.unwrap_err()));
    drop(upload);
    server.restart().await.unwrap();
    for class in Class::ALL {
        assert_eq!(objects.list(class).count().await, 0);
    }
    assert_eq!(objects.sweep_uploads(i64::MAX, 0).await.unwrap(), 0, "parts are no object");
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_refused() {
    let (_dir, server, objects) = open().await;
    let proxy = tampering(server.port()).await;
    let through = Objects::s3(&S3Settings { endpoint: format!("http://{proxy}"), ..settings(&server) }).unwrap();
    for len in [1000, 6 * MIB] {
        let plain = Bytes::from(vec![b'-'; len]);
        let mut upload = through.upload(u64::MAX);
        upload.write(plain.clone()).await.unwrap();
        upload.finish().await.unwrap().publish(&Key::source(image(2), ContentHash::of(&plain))).await.unwrap();

        let mut marked = plain.to_vec();
        marked[500..500 + MARK.len()].copy_from_slice(MARK);
        let marked = Bytes::from(marked);
        let key = Key::source(image(3), ContentHash::of(&marked));
        let mut upload = through.upload(u64::MAX);
        let refused = match upload.write(marked).await {
            Err(error) => error,
            Ok(()) => match upload.finish().await {
                Err(error) => error,
                Ok(staged) => staged.publish(&key).await.unwrap_err(),
            },
        };
        assert!(is_unavailable(refused));
        assert!(matches!(objects.meta(&key).await, Err(Error::NotFound)), "{len}");
    }
}

const MARK: &[u8] = b"HERE-IT-CHANGES";

/// A proxy that changes one byte of whatever carries the mark.
async fn tampering(port: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let ((mut from, mut back), (mut answers, mut to)) = (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            tokio::spawn(async move {
                let mut chunk = vec![0; 64 * 1024];
                while let Ok(len @ 1..) = from.read(&mut chunk).await {
                    let read = &mut chunk[..len];
                    if let Some(at) = read.windows(MARK.len()).position(|window| window == MARK) {
                        read[at] ^= 1;
                    }
                    if to.write_all(read).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_wrong_key_is_a_fault_and_no_missing_object() {
    let (_dir, server, objects) = open().await;
    let key = store(&objects, picture(10, 1)).await.unwrap();
    for wrong in [
        S3Settings { secret_key: "another-secret".into(), ..settings(&server) },
        S3Settings { access_key: "nobody".into(), ..settings(&server) },
    ] {
        let objects = Objects::s3(&wrong).unwrap();
        for error in [store(&objects, picture(10, 1)).await.unwrap_err(), objects.get_bytes(&key).await.unwrap_err()] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("another-secret") && !shown.contains(server.secret_key()), "{shown}");
            assert!(is_unavailable(error), "{shown}");
        }
    }
}
