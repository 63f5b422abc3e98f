//! Idempotency keys and consistency tokens on their way through the gateway.

use serde_json::json;

use crate::{
    client::{call, get, post},
    world::{OWNER, World},
};

#[tokio::test]
async fn the_same_key_and_body_make_the_same_prints() {
    let world = World::new().await;
    let body = json!({"email": "new@example.com", "password": "a long password", "firstName": "N", "lastName": "W"});
    let sign_up = |key: &str| post("/v1/users").header("Idempotency-Key", key).json(&body);
    let first = sign_up("key-1").send(&world).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    let again = sign_up("key-1").send(&world).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    sign_up("key-2").send(&world).await;
    let other = json!({"email": "new@example.com", "password": "another password", "firstName": "N", "lastName": "W"});
    post("/v1/users").header("Idempotency-Key", "key-1").json(&other).send(&world).await;
    let prints: Vec<_> =
        world.fake.state().sign_ups.iter().map(|sign_up| sign_up.idempotency.clone().unwrap()).collect();
    assert_eq!(prints[0], prints[1]);
    assert!(prints[0].key_hash != prints[2].key_hash && prints[0].request_hash == prints[2].request_hash);
    assert!(prints[0].key_hash == prints[3].key_hash && prints[0].request_hash != prints[3].request_hash);
    assert_eq!((prints[0].key_hash.len(), prints[0].request_hash.len()), (32, 32));
}

#[tokio::test]
async fn a_key_that_is_none_is_told() {
    let world = World::new().await;
    let body = json!({"email": "new@example.com", "password": "a long password", "firstName": "N", "lastName": "W"});
    for key in ["", "a b", "é", &"x".repeat(256)] {
        let reply = post("/v1/users").header("Idempotency-Key", key).json(&body).send(&world).await;
        assert_eq!((reply.status, reply.errors()), (422, vec!["Idempotency-Key".into()]), "{key}");
    }
}

#[tokio::test]
async fn a_write_gives_a_token_that_contains_the_one_sent() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let write = || call("DELETE", "/v1/users/12/picture").bearer(&token);
    let first = write().send(&world).await;
    let seen = first.header("x-consistency-token").unwrap().to_owned();
    assert!(seen.len() <= 1024);
    let cookie = first
        .all("set-cookie")
        .into_iter()
        .find(|cookie| cookie.starts_with("__Host-myriad-seen="))
        .unwrap()
        .to_owned();
    assert!(cookie.contains(&seen) && cookie.contains("Secure") && cookie.contains("HttpOnly"));
    let read = get("/v1/users/me").bearer(&token).header("X-Consistency-Token", &seen).send(&world).await;
    assert_eq!((read.status, read.header("x-consistency-token")), (200, None));
    assert_eq!(world.fake.state().seen.last().unwrap()[0].log, 42);
    get("/v1/users/me").bearer(&token).header("Cookie", &format!("__Host-myriad-seen={seen}")).send(&world).await;
    assert_eq!(world.fake.state().seen.last().unwrap().len(), 1);
    let second = write().header("X-Consistency-Token", &seen).send(&world).await;
    assert_eq!(second.header("x-consistency-token"), Some(seen.as_str()));
    for nonsense in ["x", "!!!", &"A".repeat(3000)] {
        assert_eq!(
            get("/v1/users/me").bearer(&token).header("X-Consistency-Token", nonsense).send(&world).await.status,
            200
        );
    }
}
