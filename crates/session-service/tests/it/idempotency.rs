//! A sign-in repeated under its Idempotency-Key.

use model::{Bucket, Code, SessionId};
use store::tables::idempotency::{self, RequestRow};
use testkit::engines::ShardEngine;

use crate::SHARDS;
use crate::cluster::{Cluster, NOON, keyed};

const JOHN: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";
const KEY: u8 = 0xa7;

async fn a_repeat_gets_the_same_token(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let first = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        assert!(!first.replayed);
        // At another node, later, and without another hash.
        cluster.advance(60_000);
        let other = cluster.node();
        let again = other.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        assert!(again.replayed);
        assert_eq!((&again.token, &again.session), (&first.token, &first.session));
        assert_eq!(other.hasher.hashes(), 0);
        assert_eq!(cluster.count("SELECT count(*) FROM sessions").await, 1);
    }
}

/// On SQLite only: its files are searched. What is written is the same on every engine; PostgreSQL's files are all tests' together.
#[tokio::test]
async fn the_shards_hold_nothing_secret() {
    for shards in SHARDS {
        let cluster = Cluster::start(ShardEngine::Sqlite, shards).await;
        let phc = cluster.add_user(13, JOHN, PASSWORD).await;
        let signed_in = cluster.node().sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        let session = signed_in.session.unwrap();
        assert!(cluster.holds_on_disk(&session.id), "the scan finds what is there");
        assert!(cluster.holds_on_disk(phc.as_bytes()), "the scan finds what is there");
        let token = signed_in.token.as_bytes();
        assert!(!cluster.holds_on_disk(token) && !cluster.holds_on_disk(&token[20..]));
        assert!(!cluster.holds_on_disk(PASSWORD.as_bytes()));
    }
}

async fn a_key_belongs_to_one_request(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
    let error = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 2)).await.unwrap_err();
    assert_eq!(error.code, Code::IdempotencyKeyReused);
    assert!(node.sign_in_with(keyed(JOHN, PASSWORD, KEY + 1, 2)).await.is_ok());
    // A day later the record counts for nothing.
    cluster.advance(86_400_000);
    assert!(!node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 2)).await.unwrap().replayed);
}

async fn a_refused_sign_in_is_not_recorded(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    let error = node.sign_in_with(keyed(JOHN, "wrong password", KEY, 1)).await.unwrap_err();
    assert_eq!(error.code, Code::BadCredentials);
    assert_eq!(cluster.count("SELECT count(*) FROM idempotency").await, 0);
    assert!(node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 2)).await.is_ok());
}

async fn of_two_at_once_one_works_and_the_other_is_told_to_wait_or_gets_its_answer(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let answers = futures::future::join_all((0..8).map(|_| node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)))).await;
        let mut tokens: Vec<_> =
            answers.iter().filter_map(|answer| Some(answer.as_ref().ok()?.token.clone())).collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 1);
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!((error.code, error.retry_after_s), (Code::IdempotencyInProgress, Some(1)));
        }
        assert_eq!(cluster.count("SELECT count(*) FROM sessions").await, 1);
    }
}

async fn after_a_crash_before_the_session_a_repeat_makes_it_under_the_id_that_was_allotted(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        // What a process leaves that dies between the record and the session.
        let allotted = SessionId(*b"sixteen random b");
        let row = RequestRow {
            scope: "sign-in".to_owned(),
            key_hash: [KEY; 32],
            request_hash: [1; 32],
            operation: allotted.to_string(),
            subject: allotted.to_string(),
            deadline_ms: NOON + 10_000,
            answer: None,
            expires_at_ms: NOON + 86_400_000,
        };
        let begun = cluster
            .shards
            .write(Bucket::of_print(&[KEY; 32]), move |tx| Box::pin(async move { idempotency::begin(tx, &row).await }));
        assert!(begun.await.unwrap().value);

        let early = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap_err();
        assert_eq!(early.code, Code::IdempotencyInProgress);
        cluster.advance(10_000);
        let other = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 2)).await.unwrap_err();
        assert_eq!(other.code, Code::IdempotencyKeyReused);
        let resumed = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        assert!(!resumed.replayed);
        assert_eq!(resumed.session.as_ref().unwrap().id, allotted.0);
        let again = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.token, resumed.token);
    }
}

async fn after_a_crash_before_the_answer_was_recorded_a_repeat_finds_the_session(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let first = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        let unfinished = cluster.shards.write(Bucket::of_print(&[KEY; 32]), move |tx| {
            Box::pin(async move {
                let bucket = tx.bucket();
                let sql = "UPDATE idempotency SET state = 'started', code = NULL, answer = NULL WHERE bucket = $1 \
                           RETURNING scope, key_hash";
                tx.change_each(&idempotency::TABLE, sql, &[bucket.into()]).await
            })
        });
        assert_eq!(unfinished.await.unwrap().value.len(), 1);
        cluster.advance(10_000);
        let resumed = node.sign_in_with(keyed(JOHN, PASSWORD, KEY, 1)).await.unwrap();
        assert_eq!((&resumed.token, &resumed.session), (&first.token, &first.session));
        assert_eq!(cluster.count("SELECT count(*) FROM sessions").await, 1);
    }
}

testkit::on_both_engines! {
    a_repeat_gets_the_same_token,
    a_key_belongs_to_one_request,
    a_refused_sign_in_is_not_recorded,
    of_two_at_once_one_works_and_the_other_is_told_to_wait_or_gets_its_answer,
    after_a_crash_before_the_session_a_repeat_makes_it_under_the_id_that_was_allotted,
    after_a_crash_before_the_answer_was_recorded_a_repeat_finds_the_session,
}
