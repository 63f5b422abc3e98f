//! A celebrity whose pictures are read from four partitions on two shards, by the commands that an operator types, while it uploads and deletes
//! and strangers leaf through its pictures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Person, Server, eventually};

use crate::growth::myriad;
use crate::photos;
use crate::target::{options, text};

const LIMIT: Duration = Duration::from_mins(1);

async fn upload(api: &Api, star: &Person) -> String {
    let chain = json!({"t": [{"op": "resize", "width": 8}]});
    let call = api.post(&format!("{}/images", star.path())).bearer(&star.token);
    text(&call.upload(photos::png(16, 16), "variants", &chain).send().await.expect(202), "id")
}

/// Every page, of at most `limit` each; of the user itself where there is a token.
async fn all(api: &Api, star: &Person, token: Option<&str>, limit: usize) -> Vec<Value> {
    let (mut items, mut query): (Vec<Value>, _) = (Vec::new(), String::new());
    loop {
        let call = api.get(&format!("{}/images?limit={limit}{query}", star.path()));
        let call = if let Some(token) = token { call.bearer(token) } else { call };
        let page = call.send().await.expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { return items };
        query = format!("&cursor={next}");
    }
}

fn ids(images: &[Value]) -> Vec<String> {
    images.iter().map(|image| text(image, "id")).collect()
}

/// What the user has, once all of it is done.
async fn own(api: &Api, star: &Person) -> Vec<String> {
    eventually("every picture is made", LIMIT, async || {
        let images = all(api, star, Some(&star.token), 200).await;
        images.iter().all(|image| image["status"] == "done").then(|| ids(&images))
    })
    .await
}

/// Waits until strangers see what the user has; then every way of leafing through it shows the same.
async fn strangers_see_the_same(api: &Api, star: &Person) -> Vec<String> {
    let own = own(api, star).await;
    eventually("strangers see it too", LIMIT, async || (ids(&all(api, star, None, 200).await) == own).then_some(()))
        .await;
    for limit in [1, 3, 7, 50] {
        assert_eq!(ids(&all(api, star, None, limit).await), own, "{limit} a page");
    }
    for id in &own {
        api.get(&format!("{}/images/{id}", star.path())).send().await.expect(200);
    }
    own
}

/// Uploads, and deletes every third picture, until told to stop. How many it made.
async fn live(api: Api, star: Person, stop: Arc<AtomicBool>) -> usize {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        made.push(upload(&api, &star).await);
        own(&api, &star).await;
        if made.len() % 3 == 0 {
            let path = format!("{}/images/{}", star.path(), made[made.len() - 2]);
            api.delete(&path).bearer(&star.token).send().await.expect(204);
        }
    }
    made.len()
}

/// Leafs through the pictures: newest first, none twice on the way. How often.
async fn leaf(api: Api, star: Person, stop: Arc<AtomicBool>) -> usize {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        rounds += 1;
        let shown = ids(&all(&api, &star, None, 5).await);
        assert!(shown.windows(2).all(|pair| pair[0] > pair[1]), "{shown:?}");
        assert!(shown.len() >= 12, "the first twelve are never deleted: {shown:?}");
    }
    rounds
}

// R70: whatever moves, a stranger's pages are those of the user, in the same order, none missing and none twice.
pub async fn a_celebritys_pictures_are_read_from_partitions_and_no_request_fails() {
    let server = Server::start(options()).await.unwrap();
    let api = server.api().unwrap();
    let star = Person::new(&api).await;
    let id = star.id.to_string();
    for _ in 0..12 {
        upload(&api, &star).await;
    }
    let first = own(&api, &star).await;
    assert_eq!(first.len(), 12);
    for name in ["star", "star-2"] {
        myriad(&server, &["shard", "add", &format!("shards/{name}.db"), "--name", name, "--dedicated"]).await;
    }
    myriad(&server, &["user", "isolate", &id, "--to", "star"]).await;

    let stop = Arc::new(AtomicBool::new(false));
    let living = tokio::spawn(live(api.clone(), star.clone(), Arc::clone(&stop)));
    let fans: Vec<_> = (0..2).map(|_| tokio::spawn(leaf(api.clone(), star.clone(), Arc::clone(&stop)))).collect();
    let split = ["user", "partition", &id, "--into", "4", "--over", "star,star-2"];
    let dry = myriad(&server, &[&split[..], &["--dry-run"]].concat()).await;
    assert!(dry.contains("2 buckets from star to star-2") && dry.contains("Nothing was begun"), "{dry}");
    let done = myriad(&server, &split).await;
    assert!(done.contains("1 of 1 moves committed, 0 undone"), "{done}");
    let topology = myriad(&server, &["topology"]).await;
    assert!(topology.contains("its pictures are read from buckets 4097, 4099 on star\n"), "{topology}");
    assert!(topology.contains("its pictures are read from buckets 4098, 4100 on star-2"), "{topology}");
    let verified = myriad(&server, &["verify"]).await;
    assert!(verified.contains("copies: each where it belongs"), "{verified}");
    println!("{dry}{done}{topology}{verified}");
    // A while with partitions, and one with a partition on its way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    myriad(&server, &["bucket", "move", "4097", "--to", "local"]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let made = living.await.unwrap();
    let mut rounds = 0;
    for fan in fans {
        rounds += fan.await.unwrap();
    }
    let now = strangers_see_the_same(&api, &star).await;
    println!("{made} pictures meanwhile, {} now, leafed through {rounds} times", now.len());
    let checked = myriad(&server, &["feed", "check"]).await;
    assert!(checked.contains("each as the shards have it"), "{checked}");
    let metrics = server.ops().unwrap().get("/metrics").send().await.text();
    let count = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        let line =
            metrics.lines().find(|line| line.starts_with("myriad_user_partition_reads_total") && line.contains(&label));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    println!(
        "partitions: {} reads answered, {} by the user's own bucket",
        count("copy"),
        count("missed") + count("failed")
    );
    assert!(count("copy") > 0.0);

    myriad(&server, &["user", "partition", &id, "--rebuild"]).await;
    assert_eq!(strangers_see_the_same(&api, &star).await, now);
    let ended = myriad(&server, &["user", "unpartition", &id]).await;
    assert!(ended.contains("4 partitions ended"), "{ended}");
    assert_eq!(strangers_see_the_same(&api, &star).await, now);
    myriad(&server, &["user", "return", &id]).await;
    assert_eq!(strangers_see_the_same(&api, &star).await, now);
    assert!(myriad(&server, &["verify"]).await.contains("4096 buckets"));
}
