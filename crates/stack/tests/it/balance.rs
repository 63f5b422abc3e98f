//! The balancer spreads requests, and a gateway that comes later gets its share.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use testkit::{Api, Person};

use crate::World;

const REQUESTS: usize = 10_000;

/// Requests answered so far, by gateway.
async fn answered(world: &World) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for place in world.stack.layout().of(stack::Role::Gateway) {
        let metrics = Api::new(&format!("http://127.0.0.1:{}", place.ops)).unwrap().get("/metrics").send().await.text();
        let lines = metrics.lines().filter(|line| {
            line.starts_with("http_server_request_duration_seconds_count") && line.contains("/v1/users/{id}")
        });
        let total = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        counts.insert(place.name.clone(), total);
    }
    counts
}

/// Sends the requests and asserts that no gateway has more than 5 % above or below its share.
async fn spread(world: &World) {
    let api = Api::new(&world.stack.url()).unwrap();
    let john = Person::new(&api).await;
    let before = answered(world).await;
    stream::iter(0..REQUESTS)
        .for_each_concurrent(16, |_| async {
            api.get(&john.path()).send().await.expect(200);
        })
        .await;
    let after = answered(world).await;
    let share = REQUESTS / after.len();
    for (name, count) in after {
        let got = usize::try_from(count - before.get(&name).copied().unwrap_or(0)).unwrap();
        println!("{name}: {got} of {REQUESTS}");
        assert!(got.abs_diff(share) * 20 <= share, "{name} got {got}, its share is {share}");
    }
}

// R10
pub async fn requests_are_spread_evenly(world: &mut World) {
    spread(world).await;
}

// R13
pub async fn a_third_gateway_gets_its_share(world: &mut World) {
    world.stack.add_gateway().await.unwrap();
    spread(world).await;
}
