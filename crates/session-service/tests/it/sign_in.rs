//! Signing in: who may, what it costs, and what races it.

use api::user::v1::Role;
use model::{Bucket, Code, SessionId};
use store::tables::credentials;
use testkit::engines::ShardEngine;

use crate::SHARDS;
use crate::cluster::{Cluster, NOON, keyed, until, user};

const JOHN: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";

// R41
async fn a_person_signs_in_and_is_known_from_then_on(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        cluster.add_user(1, "admin@example.com", PASSWORD).await;
        let node = cluster.node();

        let response = node.sign_in_response("John@EXAMPLE.com", PASSWORD).await;
        let positions = api::position::read(response.metadata());
        assert_eq!(positions.len(), 1);
        assert_eq!(positions[0].shard.0, 13 % shards);
        let signed_in = response.into_inner();
        let session = signed_in.session.unwrap();
        assert_eq!((session.user_id, session.created_at_ms, session.last_seen_at_ms), (13, NOON, NOON));
        assert_eq!(session.expires_at_ms, NOON + 14 * 86_400_000);
        assert_eq!((session.ip.as_str(), session.user_agent.as_str()), ("203.0.113.7", "test/1.0"));
        let id = SessionId::from_slice(&session.id).unwrap();
        assert_eq!(cluster.keys.verify(&signed_in.token), Ok((user(13), id)));

        let valid = node.validate(&session).await.unwrap();
        assert_eq!(valid.role(), Role::User);
        assert_eq!(valid.session.as_ref(), Some(&session));
        assert_eq!(node.list(13).await, [session]);

        let admin = node.sign_in("admin@example.com", PASSWORD).await.unwrap().session.unwrap();
        assert_eq!(node.validate(&admin).await.unwrap().role(), Role::Admin);
    }
}

async fn an_unknown_email_gets_the_same_answer_for_the_same_work(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        cluster.add_user(14, "gone@example.com", PASSWORD).await;
        cluster.delete_user(14).await;
        let node = cluster.node();

        let wrong = node.sign_in(JOHN, "incorrect horse").await.unwrap_err();
        assert_eq!((wrong.code, node.hasher.hashes()), (Code::BadCredentials, 1));
        assert_eq!(node.sign_in("nobody@example.com", PASSWORD).await.unwrap_err(), wrong);
        assert_eq!(node.hasher.hashes(), 2);
        // Its claim is still there, its user is not.
        assert_eq!(node.sign_in("gone@example.com", PASSWORD).await.unwrap_err(), wrong);
        assert_eq!(node.hasher.hashes(), 3);
        assert_eq!(cluster.count("SELECT count(*) FROM sessions").await, 0);
    }
}

async fn what_is_no_email_is_wrong_input(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    let node = cluster.node();
    let error = node.sign_in("john", PASSWORD).await.unwrap_err();
    assert_eq!((error.code, node.hasher.hashes()), (Code::InvalidInput, 0));
    assert_eq!(error.fields.len(), 1);
}

async fn a_password_changed_while_it_was_checked_signs_nobody_in(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let new = cluster.add_user(14, "jane@example.com", "another password").await;
        let node = cluster.node();

        let (signing_in, release) = slow_sign_in(&cluster, &node).await;
        cluster.change_password(13, new).await;
        release.await.unwrap();
        assert_eq!(signing_in.await.unwrap().unwrap_err().code, Code::BadCredentials);
        assert!(node.list(13).await.is_empty());
        assert!(node.sign_in(JOHN, "another password").await.is_ok());
    }
}

async fn signing_out_everywhere_while_a_password_is_checked_costs_no_second_hash(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    let (signing_in, release) = slow_sign_in(&cluster, &node).await;
    node.end_all(13).await.unwrap();
    release.await.unwrap();
    let session = signing_in.await.unwrap().unwrap().session.unwrap();
    assert!(node.validate(&session).await.is_ok(), "it was made after all were ended");
    assert_eq!(node.hasher.hashes(), QUEUED + 1);
}

const QUEUED: u64 = 30;

type SigningIn = tokio::task::JoinHandle<crate::cluster::Answer<api::session::v1::SignInResponse>>;

/// A sign-in that has read the credentials and waits behind other hashes, and those others.
#[expect(clippy::disallowed_methods, reason = "a test waits for its tasks")]
async fn slow_sign_in(cluster: &Cluster, node: &crate::cluster::Node) -> (SigningIn, tokio::task::JoinHandle<()>) {
    let hasher = node.hasher.clone();
    let others = tokio::spawn(async move {
        let dummies = (0..QUEUED).map(|_| hasher.verify_dummy("x".into()));
        assert!(futures::future::join_all(dummies).await.iter().all(Result::is_ok));
    });
    until("the pool is at work", || async { node.hasher.hashes() > 0 }).await;
    let signing_in = tokio::spawn({
        let node = node.clone();
        async move { node.sign_in_with(keyed(JOHN, PASSWORD, 1, 1)).await }
    });
    // The record is written just before the credentials are read.
    until("the sign-in has begun", || async { cluster.count("SELECT count(*) FROM idempotency").await == 1 }).await;
    (signing_in, others)
}

async fn the_twenty_first_session_ends_the_oldest(engine: ShardEngine) {
    for shards in SHARDS {
        let cluster = Cluster::start(engine, shards).await;
        cluster.add_user(13, JOHN, PASSWORD).await;
        let node = cluster.node();
        let mut sessions = Vec::new();
        // All in one millisecond, so that their order is ours and not the clock's.
        for _ in 0..21 {
            sessions.push(node.sign_in(JOHN, PASSWORD).await.unwrap().session.unwrap());
        }
        let listed = node.list(13).await;
        let newest_first: Vec<_> = sessions[1..].iter().rev().cloned().collect();
        assert_eq!(listed, newest_first);
        assert_eq!(node.validate(&sessions[0]).await.unwrap_err().code, Code::Unauthenticated);
        for session in &sessions[1..] {
            assert!(node.validate(session).await.is_ok());
        }
    }
}

async fn a_hash_below_todays_parameters_is_raised_at_sign_in(engine: ShardEngine) {
    // 8 MiB and one pass, made with another implementation.
    const WEAK: &str = "$argon2id$v=19$m=8192,t=1,p=2$MDEyMzQ1Njc$efUEneKKKhcP2XErexUYtA";
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user_with(13, JOHN, WEAK.to_owned()).await;
    let node = cluster.node();
    node.sign_in(JOHN, "pässwörter zählen 🦀").await.unwrap();
    assert_eq!(node.hasher.hashes(), 2);
    let mut read = cluster.shards.read(user(13)).unwrap();
    let stored = credentials::for_sign_in(&mut read, Bucket(13), user(13)).await.unwrap().unwrap();
    assert!(stored.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.phc);
    node.sign_in(JOHN, "pässwörter zählen 🦀").await.unwrap();
    assert_eq!(node.hasher.hashes(), 3);
}

testkit::on_both_engines! {
    a_person_signs_in_and_is_known_from_then_on,
    an_unknown_email_gets_the_same_answer_for_the_same_work,
    what_is_no_email_is_wrong_input,
    a_password_changed_while_it_was_checked_signs_nobody_in,
    signing_out_everywhere_while_a_password_is_checked_costs_no_second_hash,
    the_twenty_first_session_ends_the_oldest,
    a_hash_below_todays_parameters_is_raised_at_sign_in,
}
