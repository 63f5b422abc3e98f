//! The map on disk.

use std::fs;

use topology::{Error, Owner, Partitions, SnapshotFile, Topology};

use crate::samples::{parts, topology};

#[test]
fn what_was_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    assert!(file.load().unwrap().is_none());
    file.save(&topology(3, 4)).unwrap();
    assert_eq!(file.load().unwrap(), Some(topology(3, 4)));
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_of_before_there_were_partitions_is_loaded_and_partitions_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.json");
    let file = SnapshotFile::at(&path);
    let mut document = serde_json::json!({ "format": 1, "topology": parts(3, 4) });
    document["topology"].as_object_mut().unwrap().remove("partitions").unwrap();
    fs::write(&path, document.to_string()).unwrap();
    assert_eq!(file.load().unwrap(), Some(topology(3, 4)));
    let mut split = parts(4, 4);
    split.buckets.extend([Some(Owner(3, 7)), Some(Owner(1, 1)), Some(Owner(2, 5))]);
    split.pins.insert(12, 4096);
    split.partitions.insert(12, Partitions { buckets: vec![4098, 4097], shown: false });
    let split = Topology::new(split).unwrap();
    file.save(&split).unwrap();
    assert_eq!(file.load().unwrap(), Some(split));
}

#[test]
fn an_older_map_never_replaces_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    file.save(&topology(3, 4)).unwrap();
    assert!(matches!(file.save(&topology(2, 1)), Err(Error::Older { offered: 2, present: 3 })));
    file.save(&topology(3, 1)).unwrap();
    assert_eq!(file.load().unwrap(), Some(topology(3, 4)));
}

#[test]
fn a_map_of_another_cluster_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = SnapshotFile::at(folder.path().join("topology.json"));
    file.save(&topology(3, 4)).unwrap();
    let mut other = parts(9, 4);
    other.cluster_id = "cluster-b".to_owned();
    let refused = file.save(&topology::Topology::new(other).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("cluster-a") && refused.to_string().contains("cluster-b"), "{refused}");
}

#[test]
fn a_damaged_file_is_named_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.json");
    let file = SnapshotFile::at(&path);
    for damaged in ["", "{", "{\"format\":2,\"topology\":{}}", "\0\0\0"] {
        fs::write(&path, damaged).unwrap();
        let error = file.load().unwrap_err();
        assert!(matches!(&error, Error::Damaged { .. }) && error.to_string().contains("topology.json"), "{error}");
    }
    file.save(&topology(1, 2)).unwrap();
    assert_eq!(file.load().unwrap(), Some(topology(1, 2)));
}
