//! User ids from leased blocks.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures::future::join_all;
use model::Code;
use runtime::shutdown::Shutdown;
use topology::UserIds;

use crate::fake_router::{Knowledge, Router, until};
use crate::samples::topology;

#[tokio::test]
async fn ids_are_dense_and_begin_with_one() {
    let router = Router::start(&Knowledge::new(topology(1, 1))).await;
    let ids = UserIds::new(router.channel(), 16, &Shutdown::new());
    for expected in 1..=100 {
        assert_eq!(ids.next().await.unwrap().get(), expected);
    }
}

#[tokio::test]
async fn no_id_is_handed_out_twice_by_many_callers_of_many_processes() {
    let knowledge = Knowledge::new(topology(1, 1));
    let router = Router::start(&knowledge).await;
    let processes: Vec<_> = (0..4).map(|_| UserIds::new(router.channel(), 16, &Shutdown::new())).collect();
    let calls = (0..1000).map(|call| {
        let ids = processes[call % 4].clone();
        async move { ids.next().await.unwrap().get() }
    });
    let handed: BTreeSet<u64> = join_all(calls).await.into_iter().collect();
    assert_eq!(handed.len(), 1000);
    // Single flight: 250 ids of blocks of 17 for each process, and at most two blocks in hand.
    let leases = knowledge.leases.load(Ordering::SeqCst);
    assert!((60..=68).contains(&leases), "{leases}");
}

#[tokio::test]
async fn the_next_block_comes_before_this_one_is_used_up() {
    let knowledge = Knowledge::new(topology(1, 1));
    let router = Router::start(&knowledge).await;
    let ids = UserIds::new(router.channel(), 15, &Shutdown::new());
    for _ in 0..7 {
        ids.next().await.unwrap();
    }
    assert_eq!(knowledge.leases.load(Ordering::SeqCst), 1);
    ids.next().await.unwrap();
    until("half is used, the next block is leased", || knowledge.leases.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn without_the_router_the_rest_of_the_block_is_used_and_then_callers_are_told_when_to_come_back() {
    let knowledge = Knowledge::new(topology(1, 1));
    let router = Router::start(&knowledge).await;
    let ids = UserIds::new(router.channel(), 15, &Shutdown::new());
    assert_eq!(ids.next().await.unwrap().get(), 1);
    let address = router.kill();
    for expected in 2..=15 {
        assert_eq!(ids.next().await.unwrap().get(), expected);
    }
    let refused = ids.next().await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.retry_after_s.is_some());
    let _router = Router::start_at(&knowledge, address).await;
    loop {
        match ids.next().await {
            Ok(id) => break assert_eq!(id.get(), 16),
            Err(error) => assert_eq!(error.code, Code::Unavailable),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lease_beyond_the_last_id_is_refused() {
    let knowledge = Knowledge::new(topology(1, 1));
    knowledge.next_id.store((1 << 53) - 8, Ordering::SeqCst);
    let router = Router::start(&knowledge).await;
    let ids = UserIds::new(router.channel(), 15, &Shutdown::new());
    assert_eq!(ids.next().await.unwrap_err().code, Code::Unavailable);
}
