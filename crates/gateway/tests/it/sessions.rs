//! Sign-in, sessions, sign-out.

use std::{collections::HashSet, net::Ipv4Addr};

use model::{Code, Error};
use serde_json::json;

use crate::{
    client::{call, get, post},
    world::{OWNER, World},
};

fn sign_in(password: &str) -> crate::client::Call {
    post("/v1/sessions").json(&json!({"email": "john@example.com", "password": password}))
}

#[tokio::test]
async fn a_sign_in_gives_a_token_and_the_cookie() {
    // R42
    let world = World::new().await;
    let reply = sign_in("the right one").header("User-Agent", "Browser/1").send(&world).await;
    assert_eq!((reply.status, reply.header("cache-control")), (201, Some("no-store")));
    let body = reply.json();
    let keys: HashSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, HashSet::from(["id", "token", "expiresAt", "userId"]));
    let token = body["token"].as_str().unwrap();
    let cookie = reply.all("set-cookie").into_iter().find(|cookie| cookie.starts_with("__Host-myriad=")).unwrap();
    assert_eq!(cookie, format!("__Host-myriad={token}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=2592000"));
    assert_eq!(get("/v1/users/me").bearer(token).send(&world).await.json()["id"], OWNER);
    assert_eq!(get("/v1/users/me").cookie(token).send(&world).await.json()["id"], OWNER);
    let asked = world.fake.state().sign_ins[0].clone();
    assert_eq!((asked.ip.as_str(), asked.user_agent.as_str()), ("127.0.0.1", "Browser/1"));
}

#[tokio::test]
async fn wrong_credentials_are_told_alike() {
    let world = World::new().await;
    let reply = sign_in("wrong").send(&world).await;
    assert_eq!(
        (reply.status, reply.code().as_str(), reply.header("www-authenticate")),
        (401, "BAD_CREDENTIALS", Some("Bearer"))
    );
    assert!(reply.all("set-cookie").is_empty());
}

#[tokio::test]
async fn the_cookie_has_a_plain_name_where_asked() {
    let world = World::with(|config| config.cookie.plain = true).await;
    let reply = sign_in("the right one").send(&world).await;
    assert!(reply.all("set-cookie").iter().all(|cookie| cookie.starts_with("myriad") && !cookie.contains("Secure")));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let world = World::new().await;
    world.fake.state().sessions.insert((OWNER, 50));
    let token = world.token(OWNER);
    let list = get("/v1/sessions").bearer(&token).send(&world).await;
    assert_eq!(list.header("cache-control"), Some("no-store"));
    let list = list.json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), items.iter().filter(|item| item["current"] == true).count(), list["nextCursor"].is_null()),
        (2, 1, true)
    );
    let other = items.iter().find(|item| item["current"] == false).unwrap()["id"].as_str().unwrap().to_owned();
    let end = |id: &str| call("DELETE", format!("/v1/sessions/{id}")).bearer(&token);
    let ended = end(&other).send(&world).await;
    assert_eq!(
        (ended.status, ended.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-myriad=;"))),
        (204, false)
    );
    for gone in [other.as_str(), "x", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(end(gone).send(&world).await.status, 404);
    }
    let all = call("DELETE", "/v1/sessions").bearer(&token).send(&world).await;
    assert!(all.status == 204 && all.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-myriad=;")));
    assert_eq!(get("/v1/sessions").bearer(&token).send(&world).await.status, 401);
}

#[tokio::test]
async fn an_address_that_signs_in_too_often_waits() {
    let world = World::with(|config| {
        config.limits.trusted.clear();
        config.limits.sign_ins_per_minute = 3;
    })
    .await;
    for left in [2, 1, 0] {
        let reply = sign_in("the right one").send(&world).await;
        assert_eq!((reply.status, reply.header("ratelimit-policy")), (201, Some("\"address\";q=3;w=60")));
        assert!(reply.header("ratelimit").unwrap().starts_with(&format!("\"address\";r={left};t=")));
    }
    let refused = sign_in("the right one").send(&world).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "RATE_LIMITED"));
    assert!(
        refused.header("retry-after").is_some()
            && refused.header("ratelimit").unwrap().starts_with("\"address\";r=0;t=")
    );
    assert_eq!(get("/users/12").send(&world).await.status, 200);
    assert_eq!(world.fake.state().sign_ins.len(), 3);
}

#[tokio::test]
async fn refused_sign_ins_and_sign_ups_tell_the_limit_too() {
    let world = World::with(|config| config.limits.trusted.clear()).await;
    let (wrong, broken) = (sign_in("wrong").send(&world).await, post("/v1/users").json(&json!({})).send(&world).await);
    for (reply, status, left) in [(wrong, 401, 119), (broken, 422, 118)] {
        assert_eq!((reply.status, reply.all("ratelimit-policy")), (status, vec!["\"address\";q=120;w=60"]));
        let [state] = reply.all("ratelimit")[..] else { panic!("one limit: {:?}", reply.headers) };
        assert!(state.starts_with(&format!("\"address\";r={left};t=")), "{state}");
    }
    // A 429 of another limit is about that one.
    world.fake.state().refuse = Some(Error::new(Code::RateLimited, "slow down").retry_after(60));
    let reply = sign_in("wrong").send(&world).await;
    assert_eq!((reply.status, reply.all("ratelimit")), (429, vec!["\"account\";r=0;t=60"]));
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_clients_address_and_nobody_else() {
    let world = World::with(|config| config.proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    sign_in("the right one").header("X-Forwarded-For", "203.0.113.9, 198.51.100.7, 127.0.0.9").send(&world).await;
    assert_eq!(world.fake.state().sign_ins[0].ip, "198.51.100.7");
    let world = World::new().await;
    sign_in("the right one").header("X-Forwarded-For", "203.0.113.9").send(&world).await;
    assert_eq!(world.fake.state().sign_ins[0].ip, Ipv4Addr::LOCALHOST.to_string());
}
