//! Pictures: upload, job, media.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Person, eventually};

use crate::{
    photos,
    target::{Target, text},
};

const JOB: Duration = Duration::from_mins(1);

async fn upload(target: &Target, john: &Person, file: Vec<u8>, field: &'static str, chain: &Value) -> Answer {
    target.api.post(&format!("{}/images", john.path())).bearer(&john.token).upload(file, field, chain).send().await
}

/// Waits for the end of a job and returns the image.
async fn ended(target: &Target, john: &Person, image: &Value) -> Value {
    let path = format!("{}/images/{}", john.path(), text(image, "id"));
    eventually("the job ends", JOB, async || {
        let image = target.api.get(&path).bearer(&john.token).send().await.expect(200);
        matches!(image["status"].as_str(), Some("done" | "failed")).then_some(image)
    })
    .await
}

async fn finished(target: &Target, john: &Person, operations: &Value) -> Value {
    let image = upload(target, john, photos::png(320, 200), "operations", operations).await.expect(202);
    let image = ended(target, john, &image).await;
    assert_eq!(image["status"], "done", "{image}");
    image
}

// R53 R54
pub async fn a_photograph_is_cropped_sharpened_and_blurred(target: Target) {
    let john = Person::new(&target.api).await;
    let variants = json!({
        "thumb": [{"op": "crop", "x": 10, "y": 20, "width": 200, "height": 100}, {"op": "sharpen", "sigma": 1.0, "amount": 1.0}],
        "soft": [{"op": "resize", "width": 100}, {"op": "blur", "sigma": 3}, {"op": "format", "format": "webp"}],
        "tiny-2": [{"op": "rotate", "degrees": 90}, {"op": "resize", "width": 20, "height": 20, "fit": "cover"},
                   {"op": "grayscale"}, {"op": "format", "format": "png"}]
    });
    let queued = upload(&target, &john, photos::DEMO.to_vec(), "variants", &variants).await;
    let image = queued.expect(202);
    assert!(matches!(image["status"].as_str(), Some("queued" | "running")), "{image}");
    let location = queued.header("location").to_owned();
    assert!(location.ends_with(&format!("{}/images/{}", john.path(), text(&image, "id"))), "{location}");

    let image = ended(&target, &john, &image).await;
    assert_eq!(image["status"], "done", "{image}");
    assert_eq!(image["attempts"], 1);
    assert_eq!(image["source"]["format"], "jpeg");
    assert_eq!(image["source"]["bytes"], photos::DEMO.len());
    let named = |name: &str| {
        image["variants"].as_array().unwrap().iter().find(|variant| variant["name"] == name).cloned().unwrap()
    };
    assert_eq!((named("thumb")["width"].clone(), named("thumb")["height"].clone()), (json!(200), json!(100)));
    assert_eq!(named("thumb")["format"], "jpeg");
    assert_eq!((named("soft")["width"].clone(), named("soft")["format"].clone()), (json!(100), json!("webp")));
    assert_eq!((named("tiny-2")["width"].clone(), named("tiny-2")["height"].clone()), (json!(20), json!(20)));
    for name in ["thumb", "soft", "tiny-2"] {
        let variant = named(name);
        assert_eq!(variant["url"], variant["originUrl"], "without a CDN");
        let media = target.api.get(&path_of(&text(&variant, "url"))).send().await;
        assert_eq!(media.status, 200);
        assert_eq!(media.body.len() as u64, variant["bytes"].as_u64().unwrap());
        let decoded = image::guess_format(&media.body).unwrap();
        assert_eq!(format!("image/{}", text(&variant, "format")), decoded.to_mime_type());
        assert_eq!(media.header("content-type"), decoded.to_mime_type());
        assert!(!media.body.windows(4).any(|window| window == b"Exif"), "no metadata");
    }
}

/// The server's own name for itself need not be the address the test reaches it by.
fn path_of(url: &str) -> String {
    url[url.find("/v1/").unwrap()..].to_owned()
}

// R54
pub async fn progress_is_streamed_until_done(target: Target) {
    let john = Person::new(&target.api).await;
    let image = upload(&target, &john, photos::DEMO.to_vec(), "operations", &json!([{"op": "blur", "sigma": 20}]))
        .await
        .expect(202);
    let path = format!("{}/images/{}/events", john.path(), text(&image, "id"));
    let events = target.api.get(&path).bearer(&john.token).header("accept", "text/event-stream").send().await;
    assert_eq!(events.status, 200);
    assert!(events.header("content-type").starts_with("text/event-stream"));
    let text = events.text();
    let states: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(text.lines().any(|line| line.trim_end() == "event: status"), "{text}");
    assert_eq!(states.last().unwrap()["status"], "done", "{text}");
    assert_eq!(states.last().unwrap()["id"], image["id"]);
    // One that is over says so at once and ends.
    let again = target.api.get(&path).send().await.text();
    assert_eq!(again.matches("data:").count(), 1, "{again}");
}

pub async fn parts_may_come_in_any_order(target: Target) {
    let john = Person::new(&target.api).await;
    let file = photos::png(30, 20);
    let part = |name: &str, value: &[u8]| {
        let filename = if name == "file" { "; filename=\"a.png\"" } else { "" };
        [format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n").as_bytes(), value, b"\r\n"]
            .concat()
    };
    let chain = br#"[{"op":"flip","axis":"horizontal"}]"#;
    let path = format!("{}/images", john.path());
    let send = |parts: Vec<Vec<u8>>| {
        let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
        target.api.post(&path).bearer(&john.token).body("multipart/form-data; boundary=b", body).send()
    };
    let image = send(vec![part("operations", chain), part("file", &file)]).await.expect(202);
    assert_eq!(ended(&target, &john, &image).await["status"], "done");
    send(vec![part("file", &file), part("operations", chain)]).await.expect(202);
    send(vec![part("file", &file)]).await.problem(400, "MALFORMED");
    send(vec![part("operations", chain)]).await.expect(422);
    send(vec![part("file", &file), part("operations", chain), part("variants", b"{}")]).await.problem(400, "MALFORMED");
    send(vec![part("file", &file), part("operations", chain), part("caption", b"x")]).await.expect(422);
    send(vec![part("file", &file), part("file", &file), part("operations", chain)]).await.problem(400, "MALFORMED");
    let broken = target
        .api
        .post(&path)
        .bearer(&john.token)
        .body("multipart/form-data; boundary=b", "--b\r\nContent")
        .send()
        .await;
    broken.problem(400, "MALFORMED");
    let none = target.api.post(&path).bearer(&john.token).body("multipart/form-data", "x").send().await;
    none.problem(400, "MALFORMED");
    target.api.post(&path).bearer(&john.token).json(&json!({})).send().await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
}

pub async fn a_profile_wears_a_finished_picture(target: Target) {
    let john = Person::new(&target.api).await;
    let image = finished(&target, &john, &json!([{"op": "resize", "width": 64}])).await;
    let path = format!("{}/picture", john.path());
    let put = |body: Value| target.api.put(&path).bearer(&john.token).json(&body).send();
    let user = put(json!({"imageId": image["id"]})).await.expect(200);
    let first = user["picture"].clone();
    assert!(text(&first, "url").contains(&text(&image, "id")), "{first}");
    assert!(first["version"].as_u64().unwrap() >= 1);
    let keys: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["url", "originUrl", "version"]);
    assert_eq!(target.api.get(&path_of(&text(&first, "url"))).send().await.status, 200);
    // Others see it within two seconds.
    eventually("the public form has it", Duration::from_secs(2), async || {
        let public = target.api.get(&john.path()).send().await.expect(200);
        (public["picture"] == first).then_some(())
    })
    .await;
    let other = finished(&target, &john, &json!([{"op": "resize", "width": 32}])).await;
    let user = put(json!({"imageId": other["id"], "variant": "default"})).await.expect(200);
    assert!(user["picture"]["version"].as_u64() > first["version"].as_u64());
    put(json!({"imageId": other["id"], "variant": "huge"})).await.expect(422);
    let unknown = put(json!({"imageId": "00000000000000000000000000000000"})).await;
    unknown.problem(422, "INVALID_INPUT");
    assert_eq!(unknown.pointers(), ["/imageId"]);
    put(json!({})).await.problem(422, "INVALID_INPUT");
    let user = target.api.delete(&path).bearer(&john.token).send().await.expect(200);
    assert!(user["picture"].is_null());
}

pub async fn a_deleted_picture_is_gone_everywhere(target: Target) {
    let john = Person::new(&target.api).await;
    let image = finished(&target, &john, &json!([])).await;
    let wear = json!({"imageId": image["id"]});
    target.api.put(&format!("{}/picture", john.path())).bearer(&john.token).json(&wear).send().await.expect(200);
    let path = format!("{}/images/{}", john.path(), text(&image, "id"));
    let mary = Person::new(&target.api).await;
    target.api.delete(&path).bearer(&mary.token).send().await.problem(403, "FORBIDDEN");
    target.api.delete(&path).bearer(&john.token).send().await.expect(204);
    target.api.get(&path).bearer(&john.token).send().await.problem(404, "NOT_FOUND");
    assert!(target.api.get(&john.path()).bearer(&john.token).send().await.expect(200)["picture"].is_null());
    let media = path_of(&text(&image["variants"][0], "originUrl"));
    eventually("the origin has forgotten it", Duration::from_secs(10), async || {
        (target.api.get(&media).send().await.status == 404).then_some(())
    })
    .await;
}

// R36
pub async fn media_can_be_read_in_ranges_and_never_changes(target: Target) {
    let john = Person::new(&target.api).await;
    let image = finished(&target, &john, &json!([])).await;
    let path = path_of(&text(&image["variants"][0], "originUrl"));
    let whole = target.api.get(&path).send().await;
    assert_eq!(whole.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("content-security-policy"), "sandbox");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let total = whole.body.len();
    for (range, from, to) in [
        ("bytes=0-9".to_owned(), 0, 10),
        ("bytes=10-".to_owned(), 10, total),
        ("bytes=-5".to_owned(), total - 5, total),
        (format!("bytes=5-{}", total + 100), 5, total),
    ] {
        let part = target.api.get(&path).header("range", &range).send().await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole.body[from..to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{total}", to - 1));
    }
    let beyond = target.api.get(&path).header("range", &format!("bytes={total}-")).send().await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{total}"));
    let fresh = target.api.get(&path).header("if-none-match", whole.header("etag")).send().await;
    assert_eq!((fresh.status.as_u16(), fresh.body.len()), (304, 0));
}

pub async fn what_is_no_picture_is_refused_at_once(target: Target) {
    let john = Person::new(&target.api).await;
    let nothing = json!([]);
    let refused = |file: Vec<u8>| upload(&target, &john, file, "operations", &nothing);
    for file in [
        b"just a text, not a picture at all".to_vec(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        b"%PDF-1.4".to_vec(),
        b"BM\x00\x00".to_vec(),
    ] {
        refused(file).await.problem(415, "UNSUPPORTED_PICTURE");
    }
    let empty = refused(Vec::new()).await;
    assert!(matches!(empty.status.as_u16(), 415 | 422), "{}", empty.text());
    // Headers cut short.
    for file in [photos::png(10, 10)[..20].to_vec(), photos::DEMO[..30].to_vec()] {
        refused(file).await.problem(422, "INVALID_INPUT");
    }
}

pub async fn bombs_are_refused_at_once(target: Target) {
    let john = Person::new(&target.api).await;
    for file in [photos::png_bomb(50_000, 50_000), photos::png_bomb(8_000, 7_000), photos::gif_bomb(60_000, 60_000)] {
        upload(&target, &john, file, "operations", &json!([])).await.problem(413, "TOO_MANY_PIXELS");
    }
}

pub async fn bad_operations_are_refused_with_their_place(target: Target) {
    let john = Person::new(&target.api).await;
    let many: Vec<_> = (0..33).map(|_| json!({"op": "grayscale"})).collect();
    let variants: serde_json::Map<_, _> = (0..17).map(|index| (format!("v{index}"), json!([]))).collect();
    for (field, chain, pointers) in [
        (
            "operations",
            json!([{"op": "blur", "sigma": 3}, {"op": "sharpen", "sigma": 0.1, "amount": 1}]),
            vec!["/operations/1/sigma"],
        ),
        ("operations", json!([{"op": "melt"}]), vec!["/operations/0/op"]),
        (
            "operations",
            json!([{"op": "blur", "sigma": "3"}, {"op": "rotate", "degrees": 45}]),
            vec!["/operations/0/sigma", "/operations/1/degrees"],
        ),
        ("operations", json!([{"op": "blur", "sigma": 3, "colour": "red"}]), vec!["/operations/0/colour"]),
        ("operations", json!([{"op": "crop", "x": 300, "y": 0, "width": 100, "height": 10}]), vec![]),
        (
            "operations",
            json!([{"op": "resize", "width": 10}, {"op": "crop", "x": 0, "y": 0, "width": 11, "height": 1}]),
            vec![],
        ),
        ("operations", Value::Array(many), vec!["/operations"]),
        ("variants", Value::Object(variants), vec!["/variants"]),
        ("variants", json!({"thumb": [{"op": "blur", "sigma": 500}]}), vec!["/variants/thumb/0/sigma"]),
        ("variants", json!({"../up": []}), vec![]),
        ("operations", json!({"op": "blur"}), vec!["/operations"]),
        (
            "operations",
            json!([{"op": "resize", "width": 100_000, "height": 100_000, "fit": "fill", "enlarge": true}]),
            vec![],
        ),
    ] {
        let answer = upload(&target, &john, photos::png(320, 200), field, &chain).await;
        answer.problem(422, "INVALID_INPUT");
        let found = answer.pointers();
        assert!(!found.is_empty() && (pointers.is_empty() || found == pointers), "{chain}: {found:?}");
    }
    let list = target.api.get(&format!("{}/images", john.path())).bearer(&john.token).send().await.expect(200);
    assert_eq!(list["items"], json!([]), "what was refused left nothing");
}

pub async fn a_broken_photograph_fails_and_says_so(target: Target) {
    let john = Person::new(&target.api).await;
    let half = photos::DEMO[..photos::DEMO.len() / 2].to_vec();
    let image = upload(&target, &john, half, "operations", &json!([{"op": "resize", "width": 64}])).await.expect(202);
    let image = ended(&target, &john, &image).await;
    assert_eq!(image["status"], "failed", "never half a picture: {image}");
    assert!(!text(&image["error"], "code").is_empty() && !text(&image["error"], "detail").is_empty(), "{image}");
    assert_eq!(image["variants"], json!([]));
    let wear = json!({"imageId": image["id"]});
    let put = target.api.put(&format!("{}/picture", john.path())).bearer(&john.token).json(&wear).send().await;
    put.problem(409, "PICTURE_NOT_READY");
}

pub async fn unfinished_pictures_are_the_owners_affair(target: Target) {
    let john = Person::new(&target.api).await;
    let mary = Person::new(&target.api).await;
    let half = photos::DEMO[..photos::DEMO.len() / 2].to_vec();
    let broken = upload(&target, &john, half, "operations", &json!([])).await.expect(202);
    ended(&target, &john, &broken).await;
    let done = finished(&target, &john, &json!([])).await;
    let path = |image: &Value| format!("{}/images/{}", john.path(), text(image, "id"));
    target.api.get(&path(&broken)).bearer(&mary.token).send().await.problem(404, "NOT_FOUND");
    target.api.get(&path(&broken)).send().await.problem(404, "NOT_FOUND");
    target.api.get(&path(&broken)).bearer(&target.admin().await).send().await.expect(200);
    target.api.get(&path(&done)).send().await.expect(200);
    let list = format!("{}/images", john.path());
    let ids = |page: Value| page["items"].as_array().unwrap().iter().map(|image| text(image, "id")).collect::<Vec<_>>();
    assert_eq!(ids(target.api.get(&list).send().await.expect(200)), [text(&done, "id")]);
    let own = target.api.get(&list).bearer(&john.token).send().await.expect(200);
    assert_eq!(ids(own), [text(&done, "id"), text(&broken, "id")], "newest first");
    let upload = target.api.post(&list).bearer(&mary.token).upload(photos::png(9, 9), "operations", &json!([]));
    upload.send().await.problem(403, "FORBIDDEN");
}
