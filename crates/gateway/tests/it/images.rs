//! Uploads, images and their events.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use model::{Code, Error};
use objects::Class;
use serde_json::json;

use crate::{
    client::{Call, Reply, call, get, post},
    fake::{DONE_IMAGE, IMAGE},
    world::{OTHER, OWNER, World},
};

/// A PNG's signature and header: all that the gateway looks at.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0]);
    // The CRC of the chunk, as the format asks for.
    let crc = bytes[12..].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bytes.extend((!crc).to_be_bytes());
    bytes.extend(b"\0\0\0\x04IDATxxxx\0\0\0\0");
    bytes.extend(vec![7; 3000]);
    bytes
}

fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let file = if *name == "file" { "; filename=\"../../x.png\"\r\nContent-Type: image/png" } else { "" };
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes(),
        );
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    body
}

fn upload(world: &World, boundary: &str, parts: &[(&str, &[u8])]) -> Call {
    post("/v1/users/12/images")
        .bearer(&world.token(OWNER))
        .body(&format!("multipart/form-data; boundary={boundary}"), form(boundary, parts))
}

async fn stored(world: &World) -> usize {
    world.objects.list(Class::Source).try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn an_upload_is_stored_before_its_row_whatever_the_order_of_parts() {
    // R54
    let world = World::new().await;
    let (file, chain) = (png(100, 50), br#"[{"op":"resize","width":10}]"#.as_slice());
    for parts in
        [[("file", file.as_slice()), ("operations", chain)], [("operations", chain), ("file", file.as_slice())]]
    {
        let reply = upload(&world, "b", &parts).send(&world).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(reply.header("location"), Some(format!("/v1/users/12/images/{id}").as_str()));
        assert_eq!(reply.json()["source"], json!({"width": 100, "height": 50, "bytes": file.len(), "format": "png"}));
        let asked = world.fake.state().uploads.last().unwrap().clone();
        let key = objects::Key::parse_source(&asked.source.unwrap().key).unwrap();
        assert_eq!(world.objects.get_bytes(&key).await.unwrap(), file);
        assert!(asked.request_json.starts_with(r#"{"variants":{"default":[{"op":"resize""#), "{}", asked.request_json);
    }
    assert_eq!(stored(&world).await, 2);
}

#[tokio::test]
async fn a_repeated_upload_is_known_by_its_parts() {
    let world = World::new().await;
    let file = png(100, 50);
    let send = async |boundary: &str, chain: &[u8]| {
        upload(&world, boundary, &[("file", &file), ("operations", chain)])
            .header("Idempotency-Key", "k")
            .send(&world)
            .await
    };
    let first = send("one", b"[]").await;
    let again = send("two", b"[]").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (202, Some("true")));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(stored(&world).await, 1, "the second object is taken away again");
    send("one", br#"[{"op":"grayscale"}]"#).await;
    let prints: Vec<_> = world.fake.state().uploads.iter().map(|one| one.idempotency.clone().unwrap()).collect();
    assert!(
        prints[0] == prints[1]
            && prints[0].request_hash != prints[2].request_hash
            && prints[0].key_hash == prints[2].key_hash
    );
}

async fn refused(world: &World, parts: &[(&str, &[u8])]) -> Reply {
    let reply = upload(world, "b", parts).send(world).await;
    assert!(reply.status >= 400, "{}", reply.text());
    assert_eq!(stored(world).await, 0);
    assert!(world.fake.state().uploads.is_empty());
    reply
}

#[tokio::test]
async fn bad_pictures_and_bad_operations_are_refused_at_once() {
    let world = World::new().await;
    let good = png(100, 50);
    let none: &[u8] = b"[]";
    let of = |reply: Reply| (reply.status, reply.code(), reply.errors());
    let code = |status: u16, code: &str| (status, code.to_owned(), Vec::<String>::new());
    let invalid = |errors: &[&str]| {
        (422, "INVALID_INPUT".to_owned(), errors.iter().map(|error| (*error).to_owned()).collect::<Vec<_>>())
    };

    assert_eq!(
        of(refused(&world, &[("file", b"plain text that is no picture"), ("operations", none)]).await),
        code(415, "UNSUPPORTED_PICTURE")
    );
    assert_eq!(of(refused(&world, &[("file", b""), ("operations", none)]).await), code(415, "UNSUPPORTED_PICTURE"));
    assert_eq!(of(refused(&world, &[("file", &good[..20]), ("operations", none)]).await), invalid(&["/file"]));
    assert_eq!(
        of(refused(&world, &[("file", &png(50_000, 50_000)), ("operations", none)]).await),
        code(413, "TOO_MANY_PIXELS")
    );
    assert_eq!(of(refused(&world, &[("operations", none)]).await), invalid(&["/file"]));
    assert_eq!(of(refused(&world, &[("file", &good)]).await), code(400, "MALFORMED"));
    assert_eq!(
        of(refused(&world, &[("file", &good), ("operations", none), ("variants", b"{}")]).await),
        code(400, "MALFORMED")
    );
    assert_eq!(
        of(refused(&world, &[("file", &good), ("file", &good), ("operations", none)]).await),
        code(400, "MALFORMED")
    );
    assert_eq!(of(refused(&world, &[("file", &good), ("operations", b"[")]).await), code(400, "MALFORMED"));
    assert_eq!(
        of(refused(&world, &[("file", &good), ("operations", br#"[{"op":"blur","op":"blur"}]"#)]).await),
        code(400, "MALFORMED")
    );
    assert_eq!(
        of(refused(&world, &[("file", &good), ("operations", none), ("note", b"x")]).await),
        invalid(&["/note"])
    );
    let chain = br#"[{"op":"sharpen","sigma":99,"amount":1},{"op":"crop","x":60,"y":0,"width":50,"height":10}]"#;
    assert_eq!(
        of(refused(&world, &[("file", &good), ("operations", chain)]).await),
        invalid(&["/operations/0/sigma", "/operations/1/width"])
    );
    let outside = br#"{"thumb":[{"op":"resize","width":50},{"op":"crop","x":45,"y":0,"width":10,"height":10}]}"#;
    let reply = refused(&world, &[("file", &good), ("variants", outside)]).await;
    assert_eq!(reply.status, 422);
    assert!(reply.errors()[0].starts_with("/variants/thumb/1"), "{:?}", reply.errors());
    let many = serde_json::to_vec(&vec![json!({"op": "grayscale"}); 33]).unwrap();
    assert_eq!(of(refused(&world, &[("file", &good), ("operations", &many)]).await), invalid(&["/operations"]));
    let out_of_range =
        of(refused(&world, &[("file", &good), ("operations", br#"[{"op":"blur","sigma":1e999}]"#)]).await);
    assert_eq!(out_of_range, invalid(&["/operations/0/sigma"]));
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_named() {
    let world = World::new().await;
    let spent = Error::new(Code::QuotaExceeded, "20 are being worked on").retry_after(5).policy("\"jobs\";q=20");
    world.fake.state().spent = Some(spent);
    let reply = refused(&world, &[("file", &png(100, 50)), ("operations", b"[]")]).await;
    assert_eq!((reply.status, reply.code().as_str(), reply.header("retry-after")), (429, "QUOTA_EXCEEDED", Some("5")));
    assert_eq!(reply.header("ratelimit-policy"), Some("\"jobs\";q=20"));
    assert_eq!(reply.header("ratelimit"), Some("\"jobs\";r=0;t=5"));
}

#[tokio::test]
async fn all_that_is_wrong_with_an_upload_is_told_at_once_whatever_the_order_of_parts() {
    let world = World::new().await;
    let good = png(100, 50);
    let (file, chain) = (("file", &good[..20]), ("operations", br#"[{"op":"blur","sigma":0}]"#.as_slice()));
    let beyond = ("operations", br#"[{"op":"blur","sigma":1e999}]"#.as_slice());
    for parts in [[file, chain], [chain, file], [file, beyond], [beyond, file]] {
        let reply = refused(&world, &parts).await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "INVALID_INPUT"));
        assert_eq!(reply.errors(), ["/file", "/operations/0/sigma"]);
    }
    let outside = br#"[{"op":"crop","x":60,"y":0,"width":50,"height":51}]"#;
    let both = br#"{"a":[{"op":"blur","sigma":0},{"op":"crop","x":60,"y":0,"width":50,"height":51}],"B":[]}"#;
    for parts in [[("file", good.as_slice()), ("variants", both.as_slice())], [("variants", both), ("file", &good)]] {
        let reply = refused(&world, &parts).await;
        let told = ["/variants/B", "/variants/a/0/sigma", "/variants/a/1/height", "/variants/a/1/width"];
        assert_eq!((reply.status, reply.errors()), (422, told.map(str::to_owned).to_vec()));
    }
    let reply = upload(&world, "b", &[("operations", outside), ("note", b""), ("file", &good)])
        .header("Idempotency-Key", "a b")
        .send(&world)
        .await;
    assert_eq!(reply.errors(), ["/note", "/operations/0/height", "/operations/0/width", "Idempotency-Key"]);
}

#[tokio::test]
async fn forms_that_are_none_or_too_large_are_refused() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let send = |content_type: &str, body: &[u8]| post("/v1/users/12/images").bearer(&token).body(content_type, body);
    for (content_type, body, status) in [
        ("application/json", b"{}".as_slice(), 415),
        ("image/png", b"x", 415),
        ("multipart/form-data", b"--b--", 400),
        ("multipart/form-data; boundary=b", b"nonsense", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", 400),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n[]",
            400,
        ),
    ] {
        assert_eq!(
            send(content_type, body).send(&world).await.status,
            status,
            "{content_type} {}",
            String::from_utf8_lossy(body)
        );
    }
    let mut big = png(100, 50);
    big.resize((20 << 20) + 1, 0);
    let reply = upload(&world, "b", &[("operations", b"[]"), ("file", &big)]).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "BODY_TOO_LARGE"));
    big.resize(22 << 20, 0);
    let reply = upload(&world, "b", &[("file", &big)]).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "BODY_TOO_LARGE"));
    assert_eq!(stored(&world).await, 0);
}

#[tokio::test]
async fn events_tell_the_state_and_end_with_the_last_one() {
    // R54
    let world = World::new().await;
    let path = format!("/v1/users/12/images/{IMAGE}/events");
    let reply = get(&path).bearer(&world.token(OWNER)).header("Accept", "text/event-stream").send(&world).await;
    assert_eq!(
        (reply.status, reply.header("content-type"), reply.header("cache-control")),
        (200, Some("text/event-stream"), Some("no-store"))
    );
    let text = reply.text();
    let events: Vec<serde_json::Value> = text
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| serde_json::from_str(event.strip_prefix("event: status\ndata: ").unwrap()).unwrap())
        .collect();
    let states: Vec<&str> = events.iter().map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["queued", "running", "done"]);
    assert!(events[0].get("finishedAt").is_none() && events[2]["finishedAt"].is_string());
    assert_eq!(get(&path).header("Accept", "application/json").send(&world).await.status, 406);
}

#[tokio::test]
async fn events_end_with_the_session_that_asked_for_them() {
    let world = World::new().await;
    world.fake.state().stays_queued = true;
    let token = world.token(OWNER);
    let stream = get(format!("/v1/users/12/images/{IMAGE}/events")).bearer(&token);
    let end = async {
        // Two more looks at the session: the stream outlives them while the session lives.
        let looks = || world.fake.state().asked.iter().filter(|what| **what == "validate_session").count();
        let looked = async {
            while looks() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looked).await.unwrap();
        world.fake.state().sessions.clear();
        Instant::now()
    };
    let (reply, ended) = tokio::join!(stream.send(&world), end);
    assert!(ended.elapsed() < Duration::from_secs(1), "{:?}", ended.elapsed());
    assert_eq!((reply.status, reply.text().matches("event: status").count()), (200, 1));
}

#[tokio::test]
async fn others_see_finished_images_only() {
    let world = World::new().await;
    let ids = async |request: Call| {
        let list = request.send(&world).await.json();
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(get("/v1/users/12/images").bearer(&world.token(OWNER))).await, [DONE_IMAGE, IMAGE]);
    assert_eq!(ids(get("/v1/users/12/images").bearer(&world.token(OTHER))).await, [DONE_IMAGE]);
    assert_eq!(ids(get("/v1/users/12/images")).await, [DONE_IMAGE]);
    assert!(ids(get("/v1/users/13/images")).await.is_empty());
    assert_eq!(get("/v1/users/999/images").send(&world).await.status, 404);
    let page = get("/v1/users/12/images?limit=1").bearer(&world.token(OWNER)).send(&world).await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    assert_eq!(ids(get(format!("/v1/users/12/images?cursor={cursor}")).bearer(&world.token(OWNER))).await, [IMAGE]);
    assert_eq!(get(format!("/v1/users/13/images?cursor={cursor}")).send(&world).await.status, 400);
    assert_eq!(
        call("DELETE", format!("/v1/users/12/images/{IMAGE}")).bearer(&world.token(OWNER)).send(&world).await.status,
        204
    );
}
