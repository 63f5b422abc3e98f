//! A shard gets replicas by the commands that an operator types; clients' reads go there, and by their tokens never miss an own write.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::bench::counter;
use testkit::engines::Postgres;
use testkit::engines::postgres::{PASSWORD, SUPERUSER};
use testkit::{Api, Person, Server, eventually};

use crate::growth::myriad;
use crate::photos;
use crate::target::{binary, options};

const LIMIT: Duration = Duration::from_mins(1);
const PEOPLE: usize = 4;
/// Fewer than the jobs that one person may have running.
const UPLOADS: usize = 15;

/// Uploads, each followed by a look at the list: how many were not in it.
async fn stale_lists(api: &Api, john: &Person, with_token: bool) -> usize {
    let path = format!("{}/images", john.path());
    let chain = json!({"t": [{"op": "resize", "width": 8}]});
    let mut stale = 0;
    for _ in 0..UPLOADS {
        let call = api.post(&path).bearer(&john.token).upload(photos::png(16, 16), "variants", &chain);
        let uploaded = call.send().await;
        let (image, token) = (uploaded.expect(202)["id"].clone(), uploaded.header("x-consistency-token").to_owned());
        let list = api.get(&format!("{path}?limit=100")).bearer(&john.token);
        let list = if with_token { list.header("x-consistency-token", &token) } else { list };
        let shown = list.send().await.expect(200);
        stale += usize::from(!has(&shown, &image));
    }
    stale
}

fn has(page: &Value, image: &Value) -> bool {
    page["items"].as_array().unwrap().iter().any(|shown| shown["id"] == *image)
}

async fn people(api: &Api) -> Vec<Person> {
    join_all((0..PEOPLE).map(|_| Person::new(api))).await
}

// R15 R19 R22
pub async fn reads_go_to_replicas_and_never_hide_an_own_write() {
    let directories = [TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap()];
    let primary = Postgres::start(directories[0].path()).await.unwrap();
    primary.create_database("one").await.unwrap();
    let mut quick = primary.replica(directories[1].path(), &[]).await.unwrap();
    let late = primary.replica(directories[2].path(), &["recovery_min_apply_delay=5s"]).await.unwrap();
    // The late one stays in rotation: only a token keeps a reader away from it.
    let options = options().set("router.engines.replicas.max_lag_ms=600000").set("router.engines.replicas.wait_ms=20");
    let server = Server::start(options).await.unwrap();
    let (api, ops) = (server.api().unwrap(), server.ops().unwrap());

    let login = format!("postgres://{SUPERUSER}:{}@", PASSWORD.replace(' ', "%20"));
    myriad(&server, &["shard", "add", &primary.url("one").replace("postgres://", &login), "--name", "one"]).await;
    myriad(&server, &["shard", "drain", "local"]).await;
    for replica in [&quick, &late] {
        let add = ["shard", "replica", "add", "one", &replica.url("one")];
        // Until it has replayed the schema it is not taken.
        eventually("the replica has the schema", LIMIT, || async {
            let ops = server.ops().unwrap().base().to_owned();
            let mut command = tokio::process::Command::new(binary());
            let dry = command.args(add).args(["--dry-run", "--server", &ops]).output().await.unwrap();
            dry.status.success().then_some(())
        })
        .await;
        let added = myriad(&server, &add).await;
        assert!(added.contains("one is written to at") && added.contains(&replica.url("one")), "{added}");
    }
    let topology = myriad(&server, &["topology"]).await;
    assert!(topology.contains(&quick.url("one")) && topology.contains(&late.url("one")), "{topology}");
    eventually("both are read from", LIMIT, || async {
        (counter(&ops, "myriad_replica_serving").await >= 2.0).then_some(())
    })
    .await;

    let (careful, careless) = (people(&api).await, people(&api).await);
    let stale: usize = join_all(careful.iter().map(|john| stale_lists(&api, john, true))).await.into_iter().sum();
    // The twin: what the same reads find where the token is not sent.
    let twin: usize = join_all(careless.iter().map(|john| stale_lists(&api, john, false))).await.into_iter().sum();
    println!("{} lists after own uploads: {stale} stale with the token, {twin} without", PEOPLE * UPLOADS);
    assert_eq!(stale, 0);
    assert!(twin > 0);
    for replica in [&quick, &late] {
        let node = format!("node=\"{}\"", replica.url("one"));
        let reads = ops.get("/metrics").send().await.text();
        let line = reads.lines().find(|line| line.starts_with("myriad_shard_reads_total") && line.contains(&node));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "no read went to {node}: {line:?}");
    }

    // One dies: nobody notices.
    quick.kill().await.unwrap();
    let john = &careful[0];
    for _ in 0..100 {
        api.get(&format!("{}/images", john.path())).bearer(&john.token).send().await.expect(200);
    }
    for replica in [&quick, &late] {
        myriad(&server, &["shard", "replica", "remove", "one", &replica.url("one")]).await;
    }
    assert!(!myriad(&server, &["topology"]).await.contains(&late.url("one")));
}
