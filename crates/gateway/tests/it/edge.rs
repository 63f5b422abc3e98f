//! What every answer has, the pages, and what browsers are told.

use crate::{
    client::{call, get},
    world::{OWNER, World},
};

#[tokio::test]
async fn head_works_wherever_get_does() {
    let world = World::new().await;
    for path in
        ["/", "/users/12", "/v1/openapi.json", "/v1/users/12/images", "/assets/style.css", "/v1/docs", "/v1/nothing"]
    {
        let (head, full) = (call("HEAD", path).send(&world).await, get(path).send(&world).await);
        assert_eq!((head.status, head.body.len()), (full.status, 0), "{path}");
        assert_eq!(
            (head.header("content-type"), head.header("etag")),
            (full.header("content-type"), full.header("etag")),
            "{path}"
        );
        assert_eq!(head.header("content-length"), Some(full.body.len().to_string().as_str()), "{path}");
    }
}

#[tokio::test]
async fn the_root_is_a_page_for_browsers_and_an_index_for_programs() {
    // R2
    let world = World::new().await;
    let index = get("/").send(&world).await;
    assert_eq!(index.json()["docs"], format!("http://{}/v1/docs", world.address));
    let page = get("/").header("Accept", "text/html,*/*;q=0.8").send(&world).await;
    assert!(page.text().starts_with("<!doctype html>"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert_eq!(
        get("/")
            .header("Accept", "text/html")
            .header("If-None-Match", page.header("etag").unwrap())
            .send(&world)
            .await
            .status,
        304
    );
    // Every file the page names is there.
    for file in page.text().split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()) {
        let reply = get(format!("/assets/{file}")).send(&world).await;
        assert_eq!((reply.status, reply.header("x-content-type-options")), (200, Some("nosniff")), "{file}");
    }
    assert_eq!(get("/favicon.ico").send(&world).await.header("content-type"), Some("image/svg+xml"));
    for wrong in ["/assets/index.html", "/assets/README.md", "/assets/..%2fCargo.toml", "/assets/x"] {
        assert_eq!(get(wrong).send(&world).await.status, 404);
    }
}

#[tokio::test]
async fn a_browser_with_a_dead_cookie_gets_the_page_and_loses_the_cookie() {
    let world = World::new().await;
    let token = world.token(OWNER);
    world.fake.state().sessions.clear();
    let reply = get("/").cookie(&token).header("Accept", "text/html").send(&world).await;
    assert_eq!((reply.status, reply.header("content-type")), (401, Some("text/html; charset=utf-8")));
    assert!(reply.all("set-cookie")[0].starts_with("__Host-myriad=;"));
    assert_eq!(get("/").cookie(&token).send(&world).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    // R3
    let world = World::new().await;
    let document = get("/v1/openapi.json").send(&world).await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["servers"][0]["url"], format!("http://{}", world.address));
    let page = get("/v1/docs").send(&world).await;
    for file in ["docs.js", "docs.css"] {
        assert!(page.text().contains(file));
        assert_eq!(get(format!("/v1/docs/{file}")).send(&world).await.status, 200);
    }
    assert_eq!(get("/v1/docs/docs.html").send(&world).await.status, 404);
    assert_eq!(get("/v1/docs").header("Accept", "application/json").send(&world).await.status, 406);
}

#[tokio::test]
async fn other_origins_are_closed_out_but_for_an_allowlist() {
    let origin = "https://friend.example";
    let closed = World::new().await;
    let reply = get("/users/12").header("Origin", origin).send(&closed).await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let open = World::with(|config| config.cors_origins = vec![origin.into()]).await;
    let reply = get("/users/12").header("Origin", origin).send(&open).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert!(reply.all("vary").contains(&"Origin"));
    let asked = call("OPTIONS", "/v1/users/12")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "PATCH")
        .send(&open)
        .await;
    assert!(asked.status == 204 && asked.header("access-control-allow-methods").unwrap().contains("PATCH"));
    let stranger = call("OPTIONS", "/v1/users/12")
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "PATCH")
        .send(&open)
        .await;
    assert!(
        stranger.header("access-control-allow-origin").is_none()
            && stranger.header("access-control-allow-methods").is_none()
    );
}

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let world = World::new().await;
    let good = get("/").header("X-Request-Id", "abc-1_2.3:4").send(&world).await;
    assert_eq!(good.header("x-request-id"), Some("abc-1_2.3:4"));
    for wrong in ["a b", "a/b", &"x".repeat(129)] {
        let made = get("/").header("X-Request-Id", wrong).send(&world).await.header("x-request-id").unwrap().to_owned();
        assert!(made != wrong && made.len() == 32);
    }
}
