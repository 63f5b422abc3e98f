//! The recent feed: every finished picture, newest first, at most ten seconds behind.

use std::{process::Output, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, Person, Server, eventually};

use crate::{
    photos,
    target::{Operators, Target, options, text},
};

const JOB: Duration = Duration::from_mins(1);
/// What the contract allows is ten seconds; a machine that is busy with other tests gets more.
const SEEN: Duration = Duration::from_secs(30);

/// A finished picture.
async fn finished(api: &Api, john: &Person) -> Value {
    let chain = json!({"small": [{"op": "resize", "width": 16}], "grey": [{"op": "grayscale"}]});
    let path = format!("{}/images", john.path());
    let image = api.post(&path).bearer(&john.token).upload(photos::png(32, 20), "variants", &chain).send().await;
    let path = format!("{path}/{}", text(&image.expect(202), "id"));
    eventually("the job ends", JOB, async || {
        let image = api.get(&path).bearer(&john.token).send().await.expect(200);
        matches!(image["status"].as_str(), Some("done" | "failed")).then_some(image)
    })
    .await
}

/// Every page of the feed, of at most `limit` each.
async fn all(api: &Api, limit: usize) -> Vec<Value> {
    let (mut items, mut query) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/feed/recent?limit={limit}{query}")).send().await;
        if page.status == 503 {
            // It is being built: right after a start.
            page.problem(503, "UNAVAILABLE");
            assert!(!page.header("retry-after").is_empty());
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let page = page.expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { return items };
        query = format!("&cursor={next}");
    }
}

/// What the feed has of a user, once it is as wanted.
async fn has(api: &Api, john: &Person, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually("the feed has what is there", SEEN, async || {
        let own: Vec<_> = all(api, 200).await.into_iter().filter(|item| item["userId"] == john.id).collect();
        wanted(&own).then_some(own)
    })
    .await
}

// R72
pub async fn a_finished_picture_is_shown_with_its_owners_names(target: Target) {
    let john = Person::new(&target.api).await;
    let image = finished(&target.api, &john).await;
    let user = target.api.get(&john.path()).bearer(&john.token).send().await.expect(200);
    let item = has(&target.api, &john, |own| !own.is_empty()).await.remove(0);
    let variant = &image["variants"][0];
    assert_eq!(
        item,
        json!({
            "userId": john.id, "firstName": user["firstName"], "lastName": user["lastName"], "imageId": image["id"],
            "variant": variant["name"], "url": variant["url"], "originUrl": variant["originUrl"],
            "createdAt": image["createdAt"],
        })
    );
    let url = text(&item, "url");
    assert_eq!(target.api.get(&url[url.find("/v1/").unwrap()..]).send().await.status, 200);
    let page = target.api.get("/v1/feed/recent").bearer(&john.token).send().await;
    assert_eq!(page.header("cache-control"), "public, max-age=1");
    assert_eq!(target.api.call(Method::HEAD, "/v1/feed/recent").send().await.status, 200);
}

pub async fn the_feed_follows_names_and_deletions(target: Target) {
    let john = Person::new(&target.api).await;
    let [first, second] = [finished(&target.api, &john).await, finished(&target.api, &john).await];
    let own = has(&target.api, &john, |own| own.len() == 2).await;
    assert_eq!((&own[0]["imageId"], &own[1]["imageId"]), (&second["id"], &first["id"]), "newest first");
    let names = json!({"firstName": "Ægir", "lastName": "O’Neill"});
    target.api.patch(&john.path()).bearer(&john.token).json(&names).send().await.expect(200);
    has(&target.api, &john, |own| {
        own.len() == 2 && own.iter().all(|item| item["firstName"] == "Ægir" && item["lastName"] == "O’Neill")
    })
    .await;
    let path = format!("{}/images/{}", john.path(), text(&second, "id"));
    assert_eq!(target.api.delete(&path).bearer(&john.token).send().await.status, 204);
    let own = has(&target.api, &john, |own| own.len() == 1).await;
    assert_eq!(own[0]["imageId"], first["id"]);
    assert_eq!(target.api.delete(&john.path()).bearer(&john.token).send().await.status, 204);
    has(&target.api, &john, <[Value]>::is_empty).await;
}

pub async fn pages_of_the_feed_neither_repeat_nor_miss(target: Target) {
    let john = Person::new(&target.api).await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(finished(&target.api, &john).await["id"].clone());
    }
    expected.reverse();
    has(&target.api, &john, |own| own.len() == 7).await;
    // Others upload and delete meanwhile.
    let everything = all(&target.api, 2).await;
    let own: Vec<_> =
        everything.iter().filter(|item| item["userId"] == john.id).map(|item| item["imageId"].clone()).collect();
    assert_eq!(own, expected);
    let times: Vec<_> = everything.iter().map(|item| text(item, "createdAt")).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    for wrong in ["limit=0", "limit=201", "limit=ten"] {
        target.api.get(&format!("/v1/feed/recent?{wrong}")).send().await.problem(422, "INVALID_INPUT");
    }
    target.api.get("/v1/feed/recent?cursor=made-up").send().await.problem(400, "BAD_CURSOR");
    target.api.post("/v1/feed/recent").json(&json!({})).send().await.problem(405, "METHOD_NOT_ALLOWED");
}

pub async fn an_operator_checks_and_rebuilds_the_feed(target: Target) {
    let john = Person::new(&target.api).await;
    finished(&target.api, &john).await;
    has(&target.api, &john, |own| own.len() == 1).await;
    let rebuilt = feed(&target.operators, "rebuild").await;
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    assert!(said(&rebuilt).contains("built: "), "{}", said(&rebuilt));
    let checked = feed(&target.operators, "check").await;
    assert!(checked.status.success() && said(&checked).contains("each as the shards have it"), "{}", said(&checked));
    has(&target.api, &john, |own| own.len() == 1).await;
}

// R72: a change that told nobody is what a lost event leaves behind.
pub async fn a_feed_that_drifted_is_named_and_mended() {
    let mut server = Server::start(options().shards(1)).await.unwrap();
    let api = server.api().unwrap();
    let john = Person::new(&api).await;
    let [kept, lost] = [finished(&api, &john).await, finished(&api, &john).await];
    has(&api, &john, |own| own.len() == 2).await;
    let operators = || Operators::of(&server);
    assert!(feed(&operators(), "check").await.status.success());

    let file = server.directory().join("data/shards/local.db");
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(database.execute("DELETE FROM images WHERE id = ?1", [text(&lost, "id")]).unwrap(), 1);
    assert_eq!(
        database.execute("UPDATE users SET first_name = 'Silent' WHERE id = ?1", [john.id.to_string()]).unwrap(),
        1
    );
    drop(database);

    let checked = feed(&operators(), "check").await;
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    let named = said(&checked);
    for line in [
        format!("left over in the feed: image {} of user {}", text(&lost, "id"), john.id),
        format!("different in the feed: image {} of user {}", text(&kept, "id"), john.id),
        "2 of 2 pictures differ".to_owned(),
    ] {
        assert!(named.contains(&line), "{line}: {named}");
    }
    let rebuilt = feed(&operators(), "rebuild").await;
    assert!(said(&rebuilt).contains("built: 1 pictures, 1 left over were taken away"), "{}", said(&rebuilt));
    assert!(feed(&operators(), "check").await.status.success());
    let own = has(&api, &john, |own| own.len() == 1).await;
    assert_eq!((&own[0]["imageId"], own[0]["firstName"].as_str()), (&kept["id"], Some("Silent")));

    // In this process it does not outlive it, and is built again from the shards.
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    let api = server.api().unwrap();
    let again = has(&api, &john, |own| own.len() == 1).await;
    // The port is another one, and with it the URLs.
    for member in ["imageId", "firstName", "lastName", "variant", "createdAt"] {
        assert_eq!(again[0][member], own[0][member], "{member}");
    }
}

/// Runs `myriad feed …` against the operators' port.
pub async fn feed(operators: &Operators, command: &str) -> Output {
    operators.command(&["feed", command]).output().await.unwrap()
}

/// Both outputs: what it printed and why it failed.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
