//! Blocks of user ids over gRPC.

use std::collections::BTreeSet;

use api::status::from_status;
use api::topology::v1::LeaseUserIdsRequest;
use futures::StreamExt;
use futures::future::join_all;
use model::Code;
use testkit::engines::ShardEngine;

use crate::cluster::{Cluster, execute};

async fn blocks_begin_with_one_and_never_overlap(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(None).await.unwrap();
    let leases = (0..100u32).map(|lease| {
        let mut client = node.client();
        async move { client.lease_user_ids(LeaseUserIdsRequest { count: 1 + lease * 7 }).await.unwrap().into_inner() }
    });
    let mut given = BTreeSet::new();
    for block in join_all(leases).await {
        for id in block.first..block.first + u64::from(block.count) {
            assert!(given.insert(id), "{id} twice");
        }
    }
    assert_eq!(given.first(), Some(&1));
    // Dense: no gap between blocks.
    assert_eq!(given.last().copied(), Some(given.len() as u64));
}

async fn a_lease_of_no_or_too_many_ids_is_invalid_input(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(None).await.unwrap();
    for count in [0, 65_537, u32::MAX] {
        let refused = node.client().lease_user_ids(LeaseUserIdsRequest { count }).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        let error = from_status(&refused);
        assert_eq!((error.code, error.fields.len()), (Code::InvalidInput, 1));
    }
    for (count, leased) in [(1, 1), (256, 257), (65_536, 65_537)] {
        let block = node.client().lease_user_ids(LeaseUserIdsRequest { count }).await.unwrap().into_inner();
        assert_eq!(block.count, leased);
    }
}

async fn no_id_reaches_two_to_the_53(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let node = cluster.start(None).await.unwrap();
    // 9007199254740992 - 10
    execute(node.database(), "UPDATE id_block SET next = 9007199254740982").await;
    let refused = node.client().lease_user_ids(LeaseUserIdsRequest { count: 11 }).await.unwrap_err();
    assert_eq!(from_status(&refused).code, Code::QuotaExceeded);
    let block = node.client().lease_user_ids(LeaseUserIdsRequest { count: 9 }).await.unwrap().into_inner();
    assert_eq!(block.first + u64::from(block.count), (1 << 53) - 1);
}

async fn two_routers_lease_a_thousand_blocks_and_no_id_twice(engine: ShardEngine) {
    let cluster = Cluster::on(engine).await;
    let (one, two) = (cluster.start(None).await.unwrap(), cluster.start(None).await.unwrap());
    let leases = (0..1_000u32).map(|lease| {
        let catalog = if lease % 2 == 0 { one.catalog() } else { two.catalog() };
        catalog.lease(1 + lease % 50)
    });
    let blocks: Vec<_> = futures::stream::iter(leases).buffer_unordered(64).collect().await;
    let mut blocks: Vec<_> = blocks.into_iter().map(|block| block.unwrap()).collect();
    blocks.sort_by_key(|block| block.first);
    let mut next = 1;
    for block in blocks {
        assert_eq!(block.first, next, "an overlap or a gap");
        next += u64::from(block.count);
    }
}

testkit::on_both_engines! {
    two_routers_lease_a_thousand_blocks_and_no_id_twice,
    blocks_begin_with_one_and_never_overlap,
    a_lease_of_no_or_too_many_ids_is_invalid_input,
    no_id_reaches_two_to_the_53,
}
