//! Tags, 304 and 412.

use serde_json::json;

use crate::{
    client::{call, get},
    fake::DONE_IMAGE,
    world::{OWNER, World},
};

#[tokio::test]
async fn every_form_of_a_user_has_a_tag_of_its_own() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let tag = async |request: crate::client::Call| request.send(&world).await.header("etag").unwrap().to_owned();
    let html = "text/html";
    let tags = [
        tag(get("/users/12")).await,
        tag(get("/users/12").bearer(&token)).await,
        tag(get("/users/12").header("Accept", html)).await,
        tag(get("/users/12").bearer(&token).header("Accept", html)).await,
    ];
    assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')));
    assert_eq!(tags.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_eq!(tags[1], tag(get("/v1/users/me").bearer(&token)).await);

    for (index, request) in [get("/users/12"), get("/users/12").bearer(&token)].into_iter().enumerate() {
        let reply = request.clone().header("If-None-Match", &format!("\"x\", W/{}", tags[index])).send(&world).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some(tags[index].as_str())));
        assert!(reply.header("vary").is_some() && reply.header("cache-control").is_some());
        assert_eq!(request.clone().header("If-None-Match", &tags[1 - index]).send(&world).await.status, 200);
        assert_eq!(request.header("If-None-Match", "*").send(&world).await.status, 304);
    }
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let full = get("/v1/users/me").bearer(&token).send(&world).await.header("etag").unwrap().to_owned();
    let public = get("/users/12").send(&world).await.header("etag").unwrap().to_owned();
    let patch = |tag: &str, name: &str| {
        call("PATCH", "/v1/users/12").bearer(&token).header("If-Match", tag).json(&json!({"firstName": name}))
    };
    for stale in [public.as_str(), "\"12-2-f\"", "\"13-3-f\"", "W/\"12-3-f\"", "nonsense"] {
        let reply = patch(stale, "Jim").send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (412, "VERSION_MISMATCH"), "{stale}");
    }
    assert_eq!(world.fake.state().users[&OWNER].first_name, "John");
    // A patch that changes nothing keeps the version.
    assert_eq!(patch(&full, "John").send(&world).await.header("etag"), Some(full.as_str()));
    let changed = patch(&format!("\"12-9-f\", {full}"), "Jon").send(&world).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"12-4-f\"")));
    assert_eq!(patch(&full, "Jim").send(&world).await.status, 412);
    assert_eq!(patch("*", "Jim").send(&world).await.status, 200);
    for (method, path) in
        [("DELETE", "/v1/users/12"), ("DELETE", "/v1/users/12/picture"), ("DELETE", "/v1/sessions/current")]
    {
        assert_eq!(
            call(method, path).bearer(&token).header("If-Match", &full).send(&world).await.status,
            412,
            "{path}"
        );
    }
}

#[tokio::test]
async fn images_and_lists_have_tags_too() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let path = format!("/v1/users/12/images/{DONE_IMAGE}");
    let own = get(&path).bearer(&token).send(&world).await;
    let other = get(&path).send(&world).await;
    assert_eq!(own.body, other.body);
    assert_ne!(own.header("etag"), other.header("etag"));
    assert_eq!(
        (own.header("cache-control"), other.header("cache-control")),
        (Some("private, no-cache"), Some("public, max-age=1"))
    );
    let list = get("/v1/users/12/images").send(&world).await;
    assert_eq!(
        get("/v1/users/12/images").header("If-None-Match", list.header("etag").unwrap()).send(&world).await.status,
        304
    );
    let delete = |tag: &str| call("DELETE", path.as_str()).bearer(&token).header("If-Match", tag);
    assert_eq!(delete(other.header("etag").unwrap()).send(&world).await.status, 412);
    assert_eq!(delete(own.header("etag").unwrap()).send(&world).await.status, 204);
}
