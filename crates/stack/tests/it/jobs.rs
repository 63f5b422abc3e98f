//! Pictures while the broker and a worker die.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::json;
use testkit::{Api, Person, eventually};

use crate::{World, photos};

fn jobs() -> usize {
    std::env::var("MYRIAD_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(60)
}

/// Running jobs a user may have.
const AT_ONCE: usize = 20;

// R51 R52 R54: jobs are accepted with the broker down, and all are done once each when it is back, a worker dying in the middle.
pub async fn a_broker_and_a_worker_that_die_lose_no_job(world: &mut World) {
    let api = Api::new(&world.stack.url()).unwrap();
    let mut people = Vec::new();
    for _ in 0..jobs().div_ceil(AT_ONCE) {
        people.push(Person::new(&api).await);
    }
    world.stack.member("rabbitmq").unwrap().kill().await.unwrap();
    let chain = json!([{"op": "resize", "width": 320}, {"op": "blur", "sigma": 2}]);
    let uploaded: Vec<String> = stream::iter(0..jobs())
        .map(|number| {
            let (api, john, chain) = (&api, &people[number / AT_ONCE], &chain);
            async move {
                let call = api.post(&format!("{}/images", john.path())).bearer(&john.token);
                let image = call.upload(photos::DEMO.to_vec(), "operations", chain).send().await.expect(202);
                format!("{}/images/{}", john.path(), image["id"].as_str().unwrap())
            }
        })
        .buffered(4)
        .collect()
        .await;
    world.stack.member("rabbitmq").unwrap().restart().await.unwrap();
    let done = async || {
        let mut done = 0;
        for john in &people {
            let page =
                api.get(&format!("{}/images?limit=200", john.path())).bearer(&john.token).send().await.expect(200);
            done += page["items"].as_array().unwrap().iter().filter(|image| image["status"] == "done").count();
        }
        done
    };
    eventually("some are done", Duration::from_mins(2), async || (done().await > 2).then_some(())).await;
    world.stack.member("image-worker-1").unwrap().kill().await.unwrap();
    let total = uploaded.len();
    eventually("all are done", Duration::from_mins(5), async || (done().await == total).then_some(())).await;
    world.stack.member("image-worker-1").unwrap().restart().await.unwrap();
    for path in &uploaded {
        let image = api.get(path).send().await.expect(200);
        assert_eq!(image["status"], "done", "{image}");
        assert_eq!(image["variants"].as_array().unwrap().len(), 1, "once: {image}");
    }
    println!("{total} jobs accepted with the broker down, a worker killed in the middle: {total} done once each");
}
