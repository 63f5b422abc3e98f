//! What every engine must keep. A new engine joins by a line in `engines`.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::ImageId;
use object_store::memory::InMemory;
use objects::{ByteRange, Class, ContentHash, Error, Key, Objects};
use testkit::engines::S3;

use crate::s3::settings;

/// An engine under test, and what must live as long as it.
pub struct Engine {
    pub name: &'static str,
    pub objects: Objects,
    _dir: Option<tempfile::TempDir>,
    _server: Option<S3>,
}

async fn engines() -> Vec<Engine> {
    let dir = tempfile::tempdir().unwrap();
    let local = Objects::local(&dir.path().join("objects")).unwrap();
    let at = tempfile::tempdir().unwrap();
    let server = S3::start(at.path()).await.unwrap();
    let bucket = Objects::s3(&settings(&server)).unwrap();
    vec![
        Engine { name: "local", objects: local, _dir: Some(dir), _server: None },
        Engine {
            name: "memory",
            objects: Objects::over(Arc::new(InMemory::new()), 64 * 1024),
            _dir: None,
            _server: None,
        },
        Engine { name: "s3", objects: bucket, _dir: Some(at), _server: Some(server) },
    ]
}

pub fn image(number: u8) -> ImageId {
    ImageId::from_bytes([number; 16])
}

/// Bytes that differ from part to part.
pub fn picture(len: usize, seed: u32) -> Bytes {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    })
    .take(len)
    .collect()
}

pub async fn put(objects: &Objects, image: ImageId, bytes: &Bytes) -> Key {
    let chunks: Vec<objects::Result<Bytes>> =
        bytes.chunks(7001).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let stored =
        objects.put_stream(stream::iter(chunks), u64::MAX, |hash| Key::media(image, hash, "jpeg").unwrap()).await;
    let (key, size) = stored.unwrap();
    assert_eq!(size, bytes.len() as u64);
    key
}

pub async fn read(objects: &Objects, key: &Key, range: Option<ByteRange>) -> objects::Result<Bytes> {
    let chunks: Vec<Bytes> = objects.get(key, range).await?.body.try_collect().await?;
    Ok(chunks.concat().into())
}

#[tokio::test]
async fn what_was_put_comes_back_whatever_its_size() {
    for engine in engines().await {
        for len in [0, 1, 7001, 64 * 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_500_000] {
            let bytes = picture(len, 7);
            let key = put(&engine.objects, image(1), &bytes).await;
            assert_eq!(key.hash(), ContentHash::of(&bytes), "{} {len}", engine.name);
            assert_eq!(read(&engine.objects, &key, None).await.unwrap(), bytes, "{} {len}", engine.name);
            assert_eq!(engine.objects.get_bytes(&key).await.unwrap(), bytes);
            assert_eq!(engine.objects.meta(&key).await.unwrap().bytes, len as u64);
        }
    }
}

#[tokio::test]
async fn the_same_twice_is_one_object() {
    for engine in engines().await {
        for len in [1000, 600_000] {
            let bytes = picture(len, 3);
            let first = put(&engine.objects, image(2), &bytes).await;
            let second = put(&engine.objects, image(2), &bytes).await;
            let third = engine.objects.put(bytes, |hash| Key::media(image(2), hash, "jpeg").unwrap()).await.unwrap();
            assert_eq!(first, second);
            assert_eq!(first, third);
        }
        assert_eq!(engine.objects.list(Class::Media).count().await, 2, "{}", engine.name);
    }
}

#[tokio::test]
async fn ranges_are_exact() {
    for engine in engines().await {
        let bytes = picture(700_000, 5);
        let key = put(&engine.objects, image(3), &bytes).await;
        for (range, expected) in [
            (ByteRange::From(0, Some(0)), 0..1),
            (ByteRange::From(262_143, Some(600_000)), 262_143..600_001),
            (ByteRange::From(699_999, None), 699_999..700_000),
            (ByteRange::Last(10), 699_990..700_000),
            (ByteRange::Last(1_000_000), 0..700_000),
        ] {
            let object = engine.objects.get(&key, Some(range)).await.unwrap();
            assert_eq!(object.size_bytes, 700_000);
            assert_eq!(object.range, expected.start as u64..expected.end as u64);
            assert_eq!(
                read(&engine.objects, &key, Some(range)).await.unwrap(),
                bytes.slice(expected),
                "{}",
                engine.name
            );
        }
        let outside = read(&engine.objects, &key, Some(ByteRange::From(700_000, None))).await;
        assert!(matches!(outside, Err(Error::OutOfRange { size_bytes: 700_000 })), "{}", engine.name);
    }
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused_and_nothing_is_kept() {
    for engine in engines().await {
        let mut upload = engine.objects.upload(500_000);
        upload.write(picture(500_000, 1)).await.unwrap();
        let refused = upload.write(Bytes::from_static(b"x")).await;
        assert!(matches!(refused, Err(Error::TooLarge { limit_bytes: 500_000 })), "{}", engine.name);
        drop(upload);
        assert_eq!(engine.objects.list(Class::Source).count().await, 0);
        let exact =
            engine.objects.put_stream(stream::iter([objects::Result::Ok(picture(500_000, 1))]), 500_000, |hash| {
                Key::source(image(4), hash)
            });
        assert_eq!(exact.await.unwrap().1, 500_000);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_no_object() {
    for engine in engines().await {
        let chunks = vec![Ok(picture(400_000, 1)), Err(Error::NotFound)];
        let broken =
            engine.objects.put_stream(stream::iter(chunks), u64::MAX, |hash| Key::source(image(5), hash)).await;
        assert!(broken.is_err());
        assert_eq!(engine.objects.list(Class::Source).count().await, 0, "{}", engine.name);
    }
}

#[tokio::test]
async fn a_staged_upload_is_seen_by_nobody_until_it_is_published() {
    for engine in engines().await {
        for len in [10, 900_000] {
            let bytes = picture(len, 9);
            let mut upload = engine.objects.upload(u64::MAX);
            upload.write(bytes.clone()).await.unwrap();
            let staged = upload.finish().await.unwrap();
            let key = Key::source(image(6), staged.hash());
            assert!(matches!(engine.objects.get(&key, None).await, Err(Error::NotFound)), "{}", engine.name);
            staged.publish(&key).await.unwrap();
            assert_eq!(read(&engine.objects, &key, None).await.unwrap(), bytes, "{}", engine.name);
        }
    }
}

#[tokio::test]
async fn a_discarded_upload_is_gone() {
    for engine in engines().await {
        let mut upload = engine.objects.upload(u64::MAX);
        upload.write(picture(900_000, 9)).await.unwrap();
        upload.finish().await.unwrap().discard().await.unwrap();
        assert_eq!(engine.objects.sweep_uploads(i64::MAX, 0).await.unwrap(), 0, "{}", engine.name);
    }
}

#[tokio::test]
async fn deleting_is_done_once_and_may_be_said_twice() {
    for engine in engines().await {
        let key = put(&engine.objects, image(7), &picture(10, 1)).await;
        engine.objects.delete(&key).await.unwrap();
        engine.objects.delete(&key).await.unwrap();
        assert!(matches!(engine.objects.meta(&key).await, Err(Error::NotFound)), "{}", engine.name);
    }
}

#[tokio::test]
async fn an_images_objects_go_together_and_no_others() {
    for engine in engines().await {
        // Same last two digits, so same folder.
        let neighbour = ImageId::parse("0a080808080808080808080808080808").unwrap();
        for seed in 1..4 {
            put(&engine.objects, image(8), &picture(10, seed * 2 + 1)).await;
        }
        let other = put(&engine.objects, neighbour, &picture(10, 1)).await;
        let source = engine.objects.put(picture(10, 1), |hash| Key::source(image(8), hash)).await.unwrap();
        assert_eq!(engine.objects.delete_image(Class::Media, &image(8)).await.unwrap(), 3, "{}", engine.name);
        assert_eq!(engine.objects.delete_image(Class::Media, &image(8)).await.unwrap(), 0);
        assert!(engine.objects.meta(&other).await.is_ok());
        assert!(engine.objects.meta(&source).await.is_ok());
    }
}

#[tokio::test]
async fn a_listing_shows_each_object_once() {
    for engine in engines().await {
        let mut put_keys = Vec::new();
        for number in 1..=20 {
            put_keys.push(put(&engine.objects, image(number), &picture(usize::from(number), 1)).await.name());
        }
        let listed: Vec<_> = engine.objects.list(Class::Media).try_collect().await.unwrap();
        let mut names: Vec<String> = listed.iter().map(|listed| listed.key.name()).collect();
        names.sort();
        put_keys.sort();
        assert_eq!(names, put_keys, "{}", engine.name);
        assert!(listed.iter().all(|listed| listed.modified_ms > 1_600_000_000_000));
    }
}

#[tokio::test]
async fn a_missing_object_is_not_found() {
    for engine in engines().await {
        let key = Key::source(image(9), ContentHash::of(b"nothing"));
        assert!(
            matches!(engine.objects.get(&key, Some(ByteRange::Last(1))).await, Err(Error::NotFound)),
            "{}",
            engine.name
        );
        assert!(matches!(engine.objects.get_bytes(&key).await, Err(Error::NotFound)), "{}", engine.name);
    }
}
