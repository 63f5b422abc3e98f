//! How long sessions live, by a clock that the tests move.

use model::Code;
use session_service::Settings;
use testkit::engines::ShardEngine;

use crate::SHARDS;
use crate::cluster::{Cluster, NOON, until};

const JOHN: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn quick() -> Settings {
    Settings { touch_flush_ms: 5, ..Settings::default() }
}

async fn a_session_that_is_not_used_for_fourteen_days_is_over(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let session = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        cluster.advance(14 * DAY - 1);
        assert_eq!(node.list(13).await.len(), 1);
        cluster.advance(1);
        assert_eq!(node.validate(&session).await.unwrap_err().code, Code::Unauthenticated);
        assert!(node.list(13).await.is_empty());
        assert_eq!(node.end(13, &session).await.unwrap_err().code, Code::NotFound);
    }
}

async fn a_copy_in_the_cache_does_not_outlive_the_session(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    let session = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
    node.validate(&session).await.unwrap();
    cluster.advance(14 * DAY);
    assert!(node.validate(&session).await.is_err());
}

async fn use_keeps_a_session_alive_but_not_beyond_thirty_days(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node_with(&quick());
        let session = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        for day in [10, 20] {
            cluster.advance(10 * DAY);
            node.validate(&session).await.unwrap();
            let seen = NOON + day * DAY;
            until("the use is noted", || async { node.list(13).await[0].last_seen_at_ms == seen }).await;
        }
        assert_eq!(node.list(13).await[0].expires_at_ms, NOON + 30 * DAY);
        cluster.advance(10 * DAY - 1);
        node.validate(&session).await.unwrap();
        cluster.advance(1);
        assert_eq!(node.validate(&session).await.unwrap_err().code, Code::Unauthenticated);
    }
}

async fn uses_are_noted_once_a_minute_at_most(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        let node = cluster.node_with(&quick());
        let mut sessions = Vec::new();
        for id in 13..17 {
            let email = format!("user-{id}@example.com");
            cluster.add_user(id, &email, PASSWORD).await;
            sessions.push(node.sign_in(&email, PASSWORD).await.unwrap().session.unwrap());
        }
        let commits =
            || async { cluster.shards.all().iter().map(|shard| shard.engine().stats().transactions).sum::<u64>() };
        let before = commits().await;
        for minute in 1..=3 {
            cluster.advance(MINUTE);
            for _ in 0..50 {
                for session in &sessions {
                    node.validate(session).await.unwrap();
                }
                cluster.advance(1);
            }
            cluster.advance(-50);
            let noted = || async {
                let mut seen = Vec::new();
                for id in 13..17 {
                    seen.push(node.list(id).await[0].last_seen_at_ms);
                }
                seen.iter().all(|&seen| seen == NOON + minute * MINUTE)
            };
            until("all uses are noted", noted).await;
        }
        assert!(commits().await - before <= 3 * 4, "a write a session and minute");
    }
}

async fn sessions_that_are_over_are_removed(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node_with(&Settings { sweep_every_ms: 5, ..Settings::default() });
        let old = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        cluster.advance(7 * DAY);
        let new = node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap();
        assert_eq!(cluster.count("SELECT count(*) FROM sessions").await, 2);
        cluster.advance(7 * DAY);
        until("the old one is removed", || async { cluster.count("SELECT count(*) FROM sessions").await == 1 }).await;
        assert!(node.validate(&new).await.is_ok());
        assert!(node.validate(&old).await.is_err());
    }
}

testkit::on_both_engines! {
    a_session_that_is_not_used_for_fourteen_days_is_over,
    a_copy_in_the_cache_does_not_outlive_the_session,
    use_keeps_a_session_alive_but_not_beyond_thirty_days,
    uses_are_noted_once_a_minute_at_most,
    sessions_that_are_over_are_removed,
}
