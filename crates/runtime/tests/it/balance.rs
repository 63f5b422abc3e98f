//! Who is asked.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use api::topology::v1::{WatchTopologyRequest, topology_service_client::TopologyServiceClient};

use crate::{
    load::{Load, failed},
    world::{Server, client_by_name, read, read_within, until, until_all_take_calls},
};

/// Asks `calls` times, one after the other so that only chance decides, and returns what each server took of them.
async fn shares(client: &runtime::grpc::Client, servers: &[&Server], calls: u64) -> Vec<f64> {
    let before: Vec<u64> = servers.iter().map(|server| server.fake.calls()).collect();
    let load = Load::start(client, 1, false);
    until("all calls are made", async || load.done() >= calls).await;
    let ended = load.stop().await;
    assert!(failed(&ended).is_empty(), "{:?}", failed(&ended));
    let taken: Vec<u64> = servers.iter().zip(before).map(|(server, before)| server.fake.calls() - before).collect();
    assert_eq!(taken.iter().sum::<u64>(), ended.len() as u64);
    taken
        .iter()
        .map(|taken| f64::from(u32::try_from(*taken).unwrap()) / f64::from(u32::try_from(ended.len()).unwrap()))
        .collect()
}

// R10
#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spread_evenly_and_a_server_that_joins_gets_its_share() {
    let (one, two, three) = (Server::start().await, Server::start().await, Server::start().await);
    let addresses = Arc::new(Mutex::new(vec![one.address, two.address]));
    let client = client_by_name(&addresses);
    until_all_take_calls(&client, &[&one, &two]).await;
    for share in shares(&client, &[&one, &two], 4_000).await {
        assert!((0.45..0.55).contains(&share), "{share}");
    }
    assert_eq!(three.fake.calls(), 0);

    addresses.lock().unwrap().push(three.address);
    until_all_take_calls(&client, &[&three]).await;
    for share in shares(&client, &[&one, &two, &three], 6_000).await {
        assert!((0.30..0.367).contains(&share), "{share}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_longer_named_gets_no_more_calls() {
    let (one, two) = (Server::start().await, Server::start().await);
    let addresses = Arc::new(Mutex::new(vec![one.address, two.address]));
    let client = client_by_name(&addresses);
    until_all_take_calls(&client, &[&one, &two]).await;
    addresses.lock().unwrap().remove(0);
    until("the first is left alone", async || {
        let before = one.fake.calls();
        for _ in 0..20 {
            read(&client).await.unwrap();
        }
        one.fake.calls() == before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_busier_server_gets_fewer_calls() {
    let (slow, quick) = (Server::start().await, Server::start().await);
    let addresses = Arc::new(Mutex::new(vec![slow.address]));
    let client = client_by_name(&addresses);
    slow.fake.silent.store(true, Ordering::SeqCst);
    let hanging = Load::start(&client, 8, true);
    until("calls hang at the first", async || slow.fake.writes.load(Ordering::SeqCst) == 8).await;
    addresses.lock().unwrap().push(quick.address);
    // Reads hang at the first too, until there is the second.
    until("the second takes calls", async || read_within(&client, Duration::from_millis(100)).await.is_ok()).await;
    let before = slow.fake.calls();
    for _ in 0..200 {
        read(&client).await.unwrap();
    }
    assert_eq!(slow.fake.calls(), before);
    drop(hanging);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_counts_only_until_it_is_open() {
    let (one, two) = (Server::start().await, Server::start().await);
    let addresses = Arc::new(Mutex::new(vec![one.address]));
    let client = client_by_name(&addresses);
    let mut open = Vec::new();
    for _ in 0..32 {
        let request = WatchTopologyRequest::default();
        open.push(TopologyServiceClient::new(client.clone()).watch_topology(request).await.unwrap());
    }
    addresses.lock().unwrap().push(two.address);
    until_all_take_calls(&client, &[&two]).await;
    let shares = shares(&client, &[&one, &two], 1_000).await;
    assert!(shares.iter().all(|share| (0.4..0.6).contains(share)), "{shares:?}");
}
