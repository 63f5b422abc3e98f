//! Ten wrong passwords an account and hour.

use model::Code;
use testkit::engines::ShardEngine;

use crate::cluster::{Cluster, keyed};

const JOHN: &str = "john@example.com";
const PASSWORD: &str = "correct horse battery staple";

async fn after_ten_wrong_passwords_even_the_right_one_waits_out_the_hour(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    for _ in 0..9 {
        assert_eq!(node.sign_in(JOHN, "wrong password").await.unwrap_err().code, Code::BadCredentials);
    }
    node.sign_in(JOHN, PASSWORD).await.unwrap();
    assert_eq!(node.sign_in("JOHN@example.com", "wrong password").await.unwrap_err().code, Code::BadCredentials);

    let hashes = node.hasher.hashes();
    cluster.advance(600_000);
    let limited = node.sign_in(JOHN, PASSWORD).await.unwrap_err();
    assert_eq!((limited.code, limited.retry_after_s), (Code::RateLimited, Some(3_000)));
    let limited = node.sign_in_with(keyed(JOHN, PASSWORD, 1, 1)).await.unwrap_err();
    assert_eq!(limited.code, Code::RateLimited);
    assert_eq!(node.hasher.hashes(), hashes, "a refused try costs no hash");
    assert_eq!(cluster.count("SELECT count(*) FROM idempotency").await, 0, "and no write");

    cluster.advance(3_000_000);
    assert!(node.sign_in(JOHN, PASSWORD).await.is_ok());
}

async fn an_unknown_email_is_limited_like_a_known_one(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    let node = cluster.node();
    let tries = futures::future::join_all((0..12).map(|_| node.sign_in("nobody@example.com", "wrong password"))).await;
    let count = |code| tries.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.code == code)).count();
    assert_eq!((count(Code::BadCredentials), count(Code::RateLimited)), (10, 2));
}

async fn an_answer_on_record_is_given_to_a_limited_account_too(engine: ShardEngine) {
    let cluster = Cluster::start(engine, 1).await;
    cluster.add_user(13, JOHN, PASSWORD).await;
    let node = cluster.node();
    let first = node.sign_in_with(keyed(JOHN, PASSWORD, 1, 1)).await.unwrap();
    for _ in 0..10 {
        node.sign_in(JOHN, "wrong password").await.unwrap_err();
    }
    assert_eq!(node.sign_in_with(keyed(JOHN, PASSWORD, 1, 1)).await.unwrap().token, first.token);
}

testkit::on_both_engines! {
    after_ten_wrong_passwords_even_the_right_one_waits_out_the_hour,
    an_unknown_email_is_limited_like_a_known_one,
    an_answer_on_record_is_given_to_a_limited_account_too,
}
