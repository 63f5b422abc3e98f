//! Pages, documents, content negotiation.

use testkit::Person;

use crate::target::Target;

// R2
pub async fn the_same_address_answers_by_accept(target: Target) {
    let john = Person::new(&target.api).await;
    for (accept, expected) in [
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html, application/json;q=0.5", "text/html"),
        ("text/html, application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
    ] {
        for path in [john.path(), "/".to_owned()] {
            let answer = target.api.get(&path).header("accept", accept).send().await;
            assert_eq!(answer.status, 200, "{path} {accept}");
            assert!(
                answer.header("content-type").starts_with(expected),
                "{path} {accept}: {}",
                answer.header("content-type")
            );
        }
    }
    let html = target.api.get(&john.path()).header("accept", "text/html").send().await.text();
    assert!(html.contains("John") && !html.contains(&john.email), "the public part only");
}

// R3
pub async fn the_contract_describes_itself(target: Target) {
    let document = target.api.get("/v1/openapi.json").send().await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/v1/users",
        "/v1/users/{id}",
        "/v1/users/me",
        "/v1/users/{id}/password",
        "/v1/sessions",
        "/v1/sessions/{id}",
        "/v1/sessions/current",
        "/v1/users/{id}/images",
        "/v1/users/{id}/images/{image}",
        "/v1/users/{id}/images/{image}/events",
        "/v1/users/{id}/picture",
        "/v1/media/{key}",
    ] {
        assert!(paths.contains_key(path), "{path} is missing in {:?}", paths.keys());
    }
    let docs = target.api.get("/v1/docs").header("accept", "text/html").send().await;
    let docs = if docs.status.is_redirection() { target.api.get(docs.header("location")).send().await } else { docs };
    docs.expect(200);
    assert!(
        !docs.text().contains("//cdn") && !docs.text().contains("src=\"http"),
        "no outside script: {}",
        docs.text()
    );
}

pub async fn every_problem_has_a_page(target: Target) {
    let page = target.api.get("/v1/docs/problems/email-taken").header("accept", "text/html").send().await;
    page.expect(200);
    assert!(page.text().contains("EMAIL_TAKEN"));
    target.api.get("/v1/docs/problems/nothing").send().await.problem(404, "NOT_FOUND");
}

// R5
pub async fn the_page_is_locked_down(target: Target) {
    let page = target.api.get("/").header("accept", "text/html").send().await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let html = page.text();
    assert!(!html.contains("<style") && !html.contains(" onclick="), "nothing inline");
    let assets: Vec<_> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(assets.len() >= 2, "{assets:?}");
    for asset in assets {
        let answer = target.api.get(asset).send().await;
        answer.expect(200);
        assert!(!answer.header("etag").is_empty(), "{asset}");
    }
}
