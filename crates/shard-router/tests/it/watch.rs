//! The stream, and health and reflection beside it.

use std::time::{Duration, Instant};

use api::topology::v1::{GetTopologyRequest, WatchTopologyRequest, WatchTopologyResponse};
use futures::future::join_all;
use tokio::time::timeout;
use tonic::Streaming;
use topology::{Owner, Topology};

use crate::cluster::{Cluster, Node};

async fn watch(node: &Node, after_version: u64) -> Streaming<WatchTopologyResponse> {
    node.client().watch_topology(WatchTopologyRequest { after_version }).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<WatchTopologyResponse>) -> Topology {
    let message = timeout(Duration::from_secs(10), stream.message()).await.unwrap().unwrap().unwrap();
    message.topology.unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_watcher_gets_the_present_topology_and_then_every_newer_one() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let mut stream = watch(&node, 0).await;
    assert_eq!(next(&mut stream).await, *node.catalog().current());
    for version in 1..5 {
        let changed = node.catalog().change(version, |parts| parts.buckets[12] = Some(Owner(1, version + 1)));
        let changed = changed.await.unwrap();
        assert_eq!(next(&mut stream).await, *changed);
    }
    let got = node.client().get_topology(GetTopologyRequest {}).await.unwrap().into_inner().topology.unwrap();
    assert_eq!(got.version, 5);
}

#[tokio::test]
async fn who_has_the_present_version_gets_only_newer_ones() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let mut stream = watch(&node, 1).await;
    node.catalog().change(1, |parts| parts.buckets[12] = Some(Owner(1, 2))).await.unwrap();
    assert_eq!(next(&mut stream).await.version(), 2);
}

/// Prints how long a change takes to reach twenty watchers; the bar is 100 ms.
#[tokio::test]
async fn a_change_reaches_twenty_watchers() {
    let cluster = Cluster::new();
    let node = cluster.start(Some(2)).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(watch(&node, 1).await);
    }
    let began = Instant::now();
    node.catalog().change(1, |parts| parts.buckets[12] = Some(Owner(1, 2))).await.unwrap();
    let committed = began.elapsed();
    let got = join_all(streams.iter_mut().map(next)).await;
    println!("committed in {committed:?}, at all watchers after {:?}", began.elapsed());
    assert!(got.iter().all(|topology| topology.version() == 2));
}

#[tokio::test]
async fn streams_end_with_the_shutdown() {
    let cluster = Cluster::new();
    let node = cluster.start(None).await.unwrap();
    let mut stream = watch(&node, 0).await;
    next(&mut stream).await;
    node.shutdown().soft.cancel();
    let end = timeout(Duration::from_secs(10), stream.message()).await.unwrap();
    assert!(matches!(end, Ok(None)), "{end:?}");
}
