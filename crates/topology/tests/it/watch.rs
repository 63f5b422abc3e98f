//! Following the router, and going on without it.

use std::sync::atomic::Ordering;

use runtime::shutdown::Shutdown;
use topology::{Error, SnapshotFile, Topology, Watch};

use crate::fake_router::{Knowledge, Router, nobody, until};
use crate::samples::{parts, topology};

#[tokio::test]
async fn a_change_reaches_the_watcher() {
    let knowledge = Knowledge::new(topology(1, 2));
    let router = Router::start(&knowledge).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.json");
    let shutdown = Shutdown::new();
    let watch = Watch::start(router.channel(), SnapshotFile::at(&path), &shutdown).await.unwrap();
    assert_eq!(*watch.current(), topology(1, 2));
    let mut changes = watch.subscribe();
    knowledge.topology.send_replace(topology(2, 3));
    changes.changed().await.unwrap();
    assert_eq!(*watch.current(), topology(2, 3));
    until("the newest map is on disk", || SnapshotFile::at(&path).load().unwrap() == Some(topology(2, 3))).await;
}

#[tokio::test]
async fn a_client_goes_on_while_the_router_is_down_and_follows_it_when_it_is_back() {
    let knowledge = Knowledge::new(topology(4, 2));
    let router = Router::start(&knowledge).await;
    let folder = tempfile::tempdir().unwrap();
    let shutdown = Shutdown::new();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    let watch = Watch::start(router.channel(), file, &shutdown).await.unwrap();
    let address = router.kill();
    assert_eq!(watch.refresh().await.version(), 4);
    knowledge.topology.send_replace(topology(5, 2));
    let _router = Router::start_at(&knowledge, address).await;
    until("the change made meanwhile arrives", || watch.current().version() == 5).await;
}

#[tokio::test]
async fn a_process_starts_from_disk_while_the_router_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.json");
    SnapshotFile::at(&path).save(&topology(7, 4)).unwrap();
    let watch = Watch::start(nobody().await, SnapshotFile::at(&path), &Shutdown::new()).await.unwrap();
    assert_eq!(*watch.current(), topology(7, 4));
}

#[tokio::test]
async fn without_a_map_on_disk_a_process_waits_for_the_router() {
    let knowledge = Knowledge::new(topology(1, 2));
    let router = Router::start(&knowledge).await;
    let channel = router.channel();
    let address = router.kill();
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    let shutdown = Shutdown::new();
    let starting = Watch::start(channel, file, &shutdown);
    let (watch, _router) = tokio::join!(starting, Router::start_at(&knowledge, address));
    assert_eq!(watch.unwrap().current().version(), 1);
}

#[tokio::test]
async fn waiting_for_the_router_ends_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    let shutdown = Shutdown::new();
    shutdown.soft.cancel();
    assert!(matches!(Watch::start(nobody().await, file, &shutdown).await, Err(Error::Stopped)));
}

#[tokio::test]
async fn a_stale_map_never_replaces_a_newer_one() {
    let knowledge = Knowledge::new(topology(5, 2));
    let router = Router::start(&knowledge).await;
    let folder = tempfile::tempdir().unwrap();
    let shutdown = Shutdown::new();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    let watch = Watch::start(router.channel(), file, &shutdown).await.unwrap();
    // By asking, by the stream (which has sent 3 when 6 arrives), and at a start with a newer map on disk.
    knowledge.topology.send_replace(topology(3, 4));
    assert_eq!(*watch.refresh().await, topology(5, 2));
    let mut changes = watch.subscribe();
    changes.mark_unchanged();
    knowledge.topology.send_replace(topology(6, 3));
    changes.changed().await.unwrap();
    assert_eq!(*changes.borrow_and_update().clone(), topology(6, 3));

    let other = folder.path().join("other.json");
    SnapshotFile::at(&other).save(&topology(9, 4)).unwrap();
    let kept = Watch::start(router.channel(), SnapshotFile::at(&other), &shutdown).await.unwrap();
    assert_eq!(*kept.current(), topology(9, 4));
}

#[tokio::test]
async fn a_router_of_another_cluster_is_refused_at_the_start_and_ignored_later() {
    let knowledge = Knowledge::new(topology(1, 2));
    let router = Router::start(&knowledge).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.json");
    let shutdown = Shutdown::new();
    let watch = Watch::start(router.channel(), SnapshotFile::at(&path), &shutdown).await.unwrap();
    until("the map is on disk", || path.exists()).await;
    let mut foreign = parts(8, 2);
    foreign.cluster_id = "cluster-b".to_owned();
    knowledge.topology.send_replace(Topology::new(foreign).unwrap());
    assert_eq!(watch.refresh().await.cluster_id(), "cluster-a");
    let refused = Watch::start(router.channel(), SnapshotFile::at(&path), &shutdown).await.unwrap_err();
    assert!(matches!(refused, Error::OtherCluster { .. }), "{refused}");
}

#[tokio::test]
async fn a_refresh_helps_where_the_stream_is_silent() {
    let knowledge = Knowledge::new(topology(1, 2));
    knowledge.mute.store(true, Ordering::SeqCst);
    let router = Router::start(&knowledge).await;
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    let watch = Watch::start(router.channel(), file, &Shutdown::new()).await.unwrap();
    knowledge.topology.send_replace(topology(2, 2));
    assert_eq!(watch.current().version(), 1);
    let (one, two) = tokio::join!(watch.refresh(), watch.refresh());
    assert_eq!([one.version(), two.version()], [2, 2]);
}
