//! Entity tags, conditional requests and cache headers.

use serde_json::json;
use testkit::Person;

use crate::target::Target;

pub async fn forms_have_tags_of_their_own(target: Target) {
    let john = Person::new(&target.api).await;
    let full = target.api.get(&john.path()).bearer(&john.token).send().await;
    let public = target.api.get(&john.path()).send().await;
    let html = target.api.get(&john.path()).header("accept", "text/html").send().await;
    let tags = [full.header("etag"), public.header("etag"), html.header("etag")];
    for tag in tags {
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong tag: {tag}");
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    for answer in [&full, &public, &html] {
        let vary = answer.header("vary").to_lowercase();
        assert!(["accept", "authorization", "cookie"].iter().all(|name| vary.contains(name)), "{vary}");
    }
}

pub async fn a_stale_tag_is_refused(target: Target) {
    let john = Person::new(&target.api).await;
    let tag = target.api.get(&john.path()).bearer(&john.token).send().await.header("etag").to_owned();
    let patch = |tag: &str, name: &str| {
        target
            .api
            .patch(&john.path())
            .bearer(&john.token)
            .header("if-match", tag)
            .json(&json!({"firstName": name}))
            .send()
    };
    let changed = patch(&tag, "Jim").await;
    changed.expect(200);
    let fresh = changed.header("etag").to_owned();
    assert_ne!(fresh, tag);
    patch(&tag, "Joe").await.problem(412, "VERSION_MISMATCH");
    patch("*", "Jon").await.expect(200);
    let public = target.api.get(&john.path()).send().await.header("etag").to_owned();
    patch(&public, "Jed").await.problem(412, "VERSION_MISMATCH");
    target
        .api
        .delete(&john.path())
        .bearer(&john.token)
        .header("if-match", &fresh)
        .send()
        .await
        .problem(412, "VERSION_MISMATCH");
}

pub async fn a_patch_that_changes_nothing_keeps_the_version(target: Target) {
    let john = Person::new(&target.api).await;
    let before = target.api.get(&john.path()).bearer(&john.token).send().await;
    let same = json!({"firstName": "John", "address": {"city": "New York"}, "email": john.email});
    let after = target.api.patch(&john.path()).bearer(&john.token).json(&same).send().await;
    assert_eq!(after.expect(200), before.json());
    assert_eq!(after.header("etag"), before.header("etag"));
}

pub async fn a_fresh_tag_spares_the_body(target: Target) {
    let john = Person::new(&target.api).await;
    let first = target.api.get(&john.path()).bearer(&john.token).send().await;
    for tags in [first.header("etag").to_owned(), format!("\"x\", {}", first.header("etag")), "*".to_owned()] {
        let again = target.api.get(&john.path()).bearer(&john.token).header("if-none-match", &tags).send().await;
        again.expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    target.api.get(&john.path()).bearer(&john.token).header("if-none-match", "\"x\"").send().await.expect(200);
}

pub async fn cache_headers_are_those_of_the_contract(target: Target) {
    let john = Person::new(&target.api).await;
    let full = target.api.get(&john.path()).bearer(&john.token).send().await;
    assert_eq!(full.header("cache-control"), "private, no-cache");
    let public = target.api.get(&john.path()).send().await;
    assert_eq!(public.header("cache-control"), "public, max-age=1");
    let sessions = target.api.get("/v1/sessions").bearer(&john.token).send().await;
    assert_eq!(sessions.header("cache-control"), "no-store");
    let session = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await;
    assert_eq!(session.header("cache-control"), "no-store");
}
