//! Pictures' bytes: whole, in parts, and not again.

use bytes::Bytes;
use model::ImageId;
use objects::Key;

use crate::{
    client::{Call, call, get},
    world::World,
};

const BYTES: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

async fn with_picture() -> (World, String) {
    let world = World::new().await;
    let image = ImageId::parse(crate::fake::DONE_IMAGE).unwrap();
    let key =
        world.objects.put(Bytes::from_static(BYTES), |hash| Key::media(image, hash, "jpeg").unwrap()).await.unwrap();
    let path = format!("/v1/media/{}", key.name());
    (world, path)
}

#[tokio::test]
async fn a_picture_is_served_for_good() {
    let (world, path) = with_picture().await;
    let reply = get(&path).send(&world).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, BYTES));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-length", "36"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let tag = reply.header("etag").unwrap();
    let known = get(&path).header("If-None-Match", tag).send(&world).await;
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(tag)));
    let head = call("HEAD", path.as_str()).send(&world).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("36")));
    assert_eq!(get(format!("{path}?v=2")).send(&world).await.status, 200);
}

#[tokio::test]
async fn parts_are_served_as_asked() {
    let (world, path) = with_picture().await;
    let range = |range: &str| get(&path).header("Range", range);
    let part = async |request: Call| {
        let reply = request.send(&world).await;
        (reply.status, reply.header("content-range").map(str::to_owned), reply.text())
    };
    let range_of = |from: &str| Some(format!("bytes {from}/36"));
    assert_eq!(part(range("bytes=0-3")).await, (206, range_of("0-3"), "0123".into()));
    assert_eq!(part(range("bytes=-2")).await, (206, range_of("34-35"), "yz".into()));
    assert_eq!(part(range("bytes=34-")).await, (206, range_of("34-35"), "yz".into()));
    let several = range("bytes=0-1,10-12").send(&world).await;
    let boundary =
        several.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    assert_eq!(several.status, 206);
    assert_eq!(several.header("content-length"), Some(several.body.len().to_string().as_str()));
    let part_text = |place: &str, bytes: &str| {
        format!("\r\n--{boundary}\r\nContent-Type: image/jpeg\r\nContent-Range: bytes {place}/36\r\n\r\n{bytes}")
    };
    assert_eq!(
        several.text(),
        format!("{}{}\r\n--{boundary}--\r\n", part_text("0-1", "01"), part_text("10-12", "abc"))
    );
    let beyond = range("bytes=36-").send(&world).await;
    assert_eq!(
        (beyond.status, beyond.code().as_str(), beyond.header("content-range")),
        (416, "RANGE_NOT_SATISFIABLE", Some("bytes */36"))
    );
    let tag = get(&path).send(&world).await.header("etag").unwrap().to_owned();
    assert_eq!(range("bytes=0-3").header("If-Range", &tag).send(&world).await.status, 206);
    assert_eq!(range("bytes=0-3").header("If-Range", "\"other\"").send(&world).await.status, 200);
    assert_eq!(range("lines=0-3").send(&world).await.status, 200);
}

#[tokio::test]
async fn names_that_are_no_keys_are_not_found() {
    let (world, path) = with_picture().await;
    let source = path.replace("/media/", "/sources/").replace(".jpg", "");
    let stem = path.trim_end_matches(".jpg");
    for wrong in [
        source.as_str(),
        stem,
        &format!("{stem}.png"),
        "/v1/media/..%2f..%2fetc%2fpasswd",
        "/v1/media/%00",
        "/v1/media/",
        "/v1/media/../users",
        "/v1/media/x",
    ] {
        assert_eq!(get(wrong).send(&world).await.status, 404, "{wrong}");
    }
}
