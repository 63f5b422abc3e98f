//! The recent feed.

use model::{Code, Error};

use crate::{
    client::get,
    fake::DONE_IMAGE,
    world::{OTHER, World},
};

#[tokio::test]
async fn a_page_has_exactly_the_keys_of_the_contract_and_is_the_same_for_everybody() {
    let world = World::new().await;
    let anybody = get("/v1/feed/recent?limit=2").send(&world).await;
    assert_eq!(anybody.status, 200);
    assert_eq!(anybody.header("cache-control"), Some("public, max-age=1"));
    assert_eq!(anybody.header("vary"), Some("Accept, Authorization, Cookie"));
    let url = format!("http://{}/v1/media/{DONE_IMAGE}-0.jpg", world.address);
    let first = format!(
        r#"{{"userId":12,"firstName":"John","lastName":"Smith","imageId":"{DONE_IMAGE}","variant":"default","url":"{url}","originUrl":"{url}","createdAt":"2026-01-31T12:00:00.005Z"}}"#
    );
    let text = anybody.text();
    assert!(text.starts_with(&format!(r#"{{"items":[{first},{{"#)), "{text}");
    let signed_in = get("/v1/feed/recent?limit=2").bearer(&world.token(OTHER)).send(&world).await;
    assert_eq!(signed_in.text(), text);
    let tag = anybody.header("etag").unwrap();
    let again = get("/v1/feed/recent?limit=2").header("If-None-Match", tag).send(&world).await;
    assert_eq!((again.status, again.text().len()), (304, 0));
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let world = World::new().await;
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let page = get(format!("/v1/feed/recent?limit=2{query}")).send(&world).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 2);
        seen.extend(items.iter().map(|item| item["createdAt"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        query = format!("&cursor={next}");
    }
    assert!(seen.len() == 5 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
}

#[tokio::test]
async fn wrong_limits_and_foreign_cursors_are_refused() {
    let world = World::new().await;
    for wrong in ["limit=0", "limit=201", "limit=x", "limit=5&limit=5"] {
        let reply = get(format!("/v1/feed/recent?{wrong}")).send(&world).await;
        assert_eq!((reply.status, reply.errors()), (422, vec!["limit".to_owned()]), "{wrong}");
    }
    let foreign = get("/v1/users/12/images?limit=1").bearer(&world.token(12)).send(&world).await.json();
    for wrong in ["", "x", "AAAA", foreign["nextCursor"].as_str().unwrap()] {
        let reply = get(format!("/v1/feed/recent?cursor={wrong}")).send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "BAD_CURSOR"), "{wrong}");
    }
}

#[tokio::test]
async fn a_feed_that_is_away_is_said_plainly_and_never_an_empty_page() {
    let world = World::new().await;
    world.fake.state().refuse = Some(Error::new(Code::Unavailable, "The feed cannot be read now."));
    let reply = get("/v1/feed/recent").send(&world).await;
    assert_eq!((reply.status, reply.code().as_str(), reply.header("retry-after")), (503, "UNAVAILABLE", Some("1")));
}
