//! Headers that every answer shares.

use reqwest::Method;
use serde_json::json;
use testkit::Person;

use crate::target::Target;

pub async fn request_ids_and_traces_are_honoured(target: Target) {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let answer = target
        .api
        .get("/v1/users/999999999")
        .header("x-request-id", "abc.DEF:1_2-3")
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .send()
        .await;
    assert_eq!(answer.problem(404, "NOT_FOUND")["traceId"], trace);
    assert_eq!(answer.header("x-request-id"), "abc.DEF:1_2-3");
    for bad in ["a b", "", "ä"] {
        let answer = target.api.get("/v1/users/999999999").header("x-request-id", bad).send().await;
        let id = answer.header("x-request-id");
        assert!(!id.is_empty() && id != bad, "{id}");
    }
    let server = answer.header("server");
    assert!(!server.bytes().any(|byte| byte.is_ascii_digit()), "{server}");
}

pub async fn every_get_answers_head(target: Target) {
    let john = Person::new(&target.api).await;
    for path in [
        john.path(),
        "/v1/users/me".to_owned(),
        "/v1/sessions".to_owned(),
        "/v1/openapi.json".to_owned(),
        "/".to_owned(),
    ] {
        let get = target.api.get(&path).bearer(&john.token).send().await;
        let head = target.api.call(Method::HEAD, &path).bearer(&john.token).send().await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

pub async fn writes_give_a_consistency_token(target: Target) {
    let john = Person::new(&target.api).await;
    let patch = |name: &str, token: &str| {
        let call = target.api.patch(&john.path()).bearer(&john.token).json(&json!({"firstName": name}));
        if token.is_empty() { call.send() } else { call.header("x-consistency-token", token).send() }
    };
    let first = patch("Jim", "").await;
    let token = first.header("x-consistency-token").to_owned();
    assert!(!token.is_empty() && token.len() <= 1024, "{token}");
    let cookies: Vec<_> = first.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-myriad-seen=")), "{cookies:?}");
    let second = patch("Joe", &token).await;
    second.expect(200);
    // A token of nobody's making is ignored, not refused.
    for odd in ["x", "!!!", "AAAA", "bm9uc2Vuc2U"] {
        let call = target.api.get(&john.path()).bearer(&john.token).header("x-consistency-token", odd);
        assert_eq!(call.send().await.expect(200)["firstName"], "Joe");
    }
}
