//! Several session-services over the same shards.

use testkit::engines::ShardEngine;

use crate::SHARDS;
use crate::cluster::Cluster;

// R42
async fn who_signed_in_at_one_node_is_known_at_all_others(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, "john@example.com", "correct horse battery staple").await;
        let nodes = [cluster.node(), cluster.node(), cluster.node(), cluster.node()];
        let signed_in = nodes[0].sign_in("john@example.com", "correct horse battery staple").await.unwrap();
        let session = signed_in.session.unwrap();
        let calls = (0..1_000).map(|call| nodes[1 + call % 3].validate(&session));
        let answers = futures::future::join_all(calls).await;
        assert!(answers.iter().all(Result::is_ok));
    }
}

async fn a_new_process_knows_the_sessions_of_the_one_before(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 4).await;
    cluster.add_user(13, "john@example.com", "correct horse battery staple").await;
    let session = {
        let node = cluster.node();
        node.sign_in("john@example.com", "correct horse battery staple").await.unwrap().session.unwrap()
    };
    assert!(cluster.node().validate(&session).await.is_ok());
}

testkit::on_both_engines! {
    who_signed_in_at_one_node_is_known_at_all_others,
    a_new_process_knows_the_sessions_of_the_one_before,
}
