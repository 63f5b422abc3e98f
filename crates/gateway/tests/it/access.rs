//! Who may call what: walked over every route, role and owner.

use gateway::{
    routes::TABLE,
    table::{Access, Route},
};

use crate::{
    client::{Call, call, get, post},
    fake::{DONE_IMAGE, IMAGE},
    world::{ADMIN, OTHER, OWNER, World},
};

fn to(route: &Route, image: &str) -> Call {
    let path = route.path.replace("{image}", image).replace("{key}", "x").replace("{file}", "x").replace("{code}", "x");
    let id = if route.path.contains("/sessions/") { "BQUFBQUFBQUFBQUFBQUFBQ".to_owned() } else { OWNER.to_string() };
    let method = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|method| route.method == *method).unwrap();
    call(method, path.replace("{id}", &id))
}

/// The status of a refusal, or none where the caller gets to the handler.
fn expected(access: Access, caller: Option<u64>, image_is_done: bool) -> Option<u16> {
    match (access, caller) {
        (Access::Public, _) | (Access::SignedIn, Some(_)) => None,
        (_, None) => Some(401),
        (Access::Admin, Some(user)) => (user != ADMIN).then_some(403),
        (Access::Owner, Some(user)) => (user != OWNER).then_some(403),
        (Access::OwnerOrAdmin, Some(user)) => (user == OTHER).then_some(403),
        (Access::OwnerOrAdminOfImage, Some(user)) => (user == OTHER).then_some(if image_is_done { 403 } else { 404 }),
    }
}

#[tokio::test]
async fn every_route_refuses_exactly_those_who_may_not() {
    let world = World::new().await;
    for route in TABLE {
        for caller in [None, Some(OWNER), Some(OTHER), Some(ADMIN)] {
            for (image, is_done) in [(IMAGE, false), (DONE_IMAGE, true)] {
                world.fake.reset();
                let mut request = to(route, image);
                if let Some(user) = caller {
                    request = request.bearer(&world.token(user));
                }
                let reply = request.send(&world).await;
                let refusal = expected(route.access, caller, is_done);
                let what = format!("{} {} as {caller:?}: {}", route.method, route.path, reply.status);
                match refusal {
                    Some(status) => assert_eq!(reply.status, status, "{what}"),
                    None => assert!(!matches!(reply.status, 401 | 403 | 405 | 500), "{what}"),
                }
            }
        }
    }
}

#[test]
fn what_is_open_to_anybody_is_a_short_list() {
    let open: Vec<String> = TABLE
        .iter()
        .filter(|route| route.access == Access::Public)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(
        open,
        [
            "POST /v1/users",
            "GET /v1/users/{id}",
            "GET /users/{id}",
            "GET /v1/users/{id}/images",
            "GET /v1/users/{id}/images/{image}",
            "GET /v1/users/{id}/images/{image}/events",
            "POST /v1/sessions",
            "GET /v1/feed/recent",
            "GET /v1/media/{key}",
            "GET /",
            "GET /assets/{file}",
            "GET /favicon.ico",
            "GET /v1/openapi.json",
            "GET /v1/docs",
            "GET /v1/docs/{file}",
            "GET /v1/docs/problems/{code}",
        ]
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found_whoever_asks() {
    let world = World::new().await;
    let other = world.token(OTHER);
    for path in [
        "/v1/users/999",
        "/v1/users/0",
        "/v1/users/012",
        "/v1/users/9007199254740992",
        "/v1/users/%31%32x",
        "/v1/users/1/2/3",
        "/nothing",
        "/v1",
    ] {
        let reply = get(path).send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "NOT_FOUND"), "{path}");
    }
    assert_eq!(call("PATCH", "/v1/users/999").bearer(&other).send(&world).await.status, 404);
    let unseen = format!("/v1/users/{OWNER}/images/{IMAGE}");
    for request in [
        get(unseen.clone()),
        get(unseen.clone()).bearer(&other),
        get(format!("{unseen}/events")),
        get(format!("/v1/users/{OTHER}/images/{DONE_IMAGE}")),
    ] {
        assert_eq!(request.send(&world).await.status, 404);
    }
    assert_eq!(get(unseen).bearer(&world.token(ADMIN)).send(&world).await.status, 200);
}

#[tokio::test]
async fn a_forged_token_is_refused_everywhere_and_costs_no_call() {
    // R42
    let world = World::new().await;
    let good = world.token(OWNER);
    let mut flipped = good.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let foreign = World::new().await.token(OWNER);
    for forged in [flipped.as_str(), &good[..good.len() - 1], &foreign, "x", ""] {
        for path in ["/", "/v1/users/12", "/v1/users/me", "/v1/openapi.json", "/v1/media/x"] {
            let reply = get(path).bearer(forged).send(&world).await;
            assert_eq!(
                (reply.status, reply.code().as_str(), reply.header("www-authenticate")),
                (401, "UNAUTHENTICATED", Some("Bearer")),
                "{path}"
            );
        }
        let reply = post("/v1/sessions").cookie(if forged.is_empty() { "x" } else { forged }).send(&world).await;
        assert_eq!(reply.status, 401);
        assert!(reply.all("set-cookie")[0].starts_with("__Host-myriad=; "), "a browser gets rid of its dead cookie");
    }
    assert!(world.fake.state().asked.is_empty());
    assert_eq!(get("/v1/users/me").header("Authorization", "Basic YTpi").send(&world).await.status, 401);
}

#[tokio::test]
async fn a_session_is_asked_for_once_and_forgotten_at_once_when_it_ends_here() {
    let world = World::new().await;
    let token = world.token(OWNER);
    for _ in 0..5 {
        assert_eq!(get("/v1/users/me").bearer(&token).send(&world).await.status, 200);
    }
    let asked = world.fake.state().asked.iter().filter(|what| **what == "validate_session").count();
    assert!(asked <= 2, "{asked}");
    assert_eq!(call("DELETE", "/v1/sessions/current").bearer(&token).send(&world).await.status, 204);
    assert_eq!(get("/v1/users/me").bearer(&token).send(&world).await.status, 401);
}

#[tokio::test]
async fn writes_by_cookie_from_other_sites_are_refused() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let write = || call("DELETE", "/v1/users/12/picture");
    for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")] {
        let reply = write().cookie(&token).header(name, value).send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "CROSS_SITE"), "{value}");
        assert_eq!(write().bearer(&token).header(name, value).send(&world).await.status, 200);
        assert_eq!(get("/v1/users/me").cookie(&token).header(name, value).send(&world).await.status, 200);
    }
    assert!(!world.fake.state().asked.contains(&"write"));
    let own = format!("http://{}", world.address);
    for (name, value) in [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin"), ("X", "y")] {
        assert_eq!(write().cookie(&token).header(name, value).send(&world).await.status, 200, "{value}");
    }
}

#[tokio::test]
async fn an_origin_of_another_scheme_is_another_site_where_the_public_address_is_known() {
    let world = World::with(|config| config.public_url = "http://myriad.example".into()).await;
    let token = world.token(OWNER);
    let write = async |origin: &str| {
        call("DELETE", "/v1/users/12/picture").cookie(&token).header("Origin", origin).send(&world).await.status
    };
    let host = world.address;
    assert_eq!(write("http://myriad.example").await, 200);
    assert_eq!(write(&format!("http://{host}")).await, 200);
    for foreign in [format!("https://{host}"), "https://myriad.example".into(), host.to_string()] {
        assert_eq!(write(&foreign).await, 403, "{foreign}");
    }
}

#[tokio::test]
async fn bearer_wins_over_the_cookie() {
    let world = World::new().await;
    let reply = get("/v1/users/me").bearer(&world.token(OTHER)).cookie(&world.token(OWNER)).send(&world).await;
    assert_eq!(reply.json()["id"], OTHER);
}
