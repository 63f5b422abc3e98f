//! Idempotency-Key: a repeated request changes nothing and is answered the same.

use serde_json::json;
use testkit::{Person, unique};

use crate::{photos, target::Target};

pub async fn a_repeated_sign_up_gets_the_recorded_answer(target: Target) {
    let (body, key) = (Person::body(), unique("key"));
    let post = || target.api.post("/v1/users").header("idempotency-key", &key).json(&body).send();
    let first = post().await;
    first.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = post().await;
    assert_eq!(again.expect(201), first.json());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
}

pub async fn a_repeated_conflict_is_recorded_too(target: Target) {
    let body = Person::body();
    target.api.post("/v1/users").json(&body).send().await.expect(201);
    let key = unique("key");
    let post = || target.api.post("/v1/users").header("idempotency-key", &key).json(&body).send();
    post().await.problem(409, "EMAIL_TAKEN");
    let again = post().await;
    again.problem(409, "EMAIL_TAKEN");
    assert_eq!(again.header("idempotency-replayed"), "true");
}

pub async fn a_repeated_sign_in_gets_the_same_token(target: Target) {
    let john = Person::new(&target.api).await;
    let key = unique("key");
    let body = json!({"email": john.email, "password": testkit::PASSWORD});
    let post = || target.api.post("/v1/sessions").header("idempotency-key", &key).json(&body).send();
    let (first, again) = (post().await, post().await);
    assert_eq!(again.expect(201)["token"], first.expect(201)["token"]);
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
}

pub async fn another_body_under_the_same_key_is_refused(target: Target) {
    let (mut body, key) = (Person::body(), unique("key"));
    let api = &target.api;
    api.post("/v1/users").header("idempotency-key", &key).json(&body).send().await.expect(201);
    body["firstName"] = json!("Jim");
    let reused = api.post("/v1/users").header("idempotency-key", &key).json(&body).send().await;
    reused.problem(422, "IDEMPOTENCY_KEY_REUSED");
    body = Person::body();
    let reused = api.post("/v1/users").header("idempotency-key", &key).json(&body).send().await;
    reused.problem(422, "IDEMPOTENCY_KEY_REUSED");
    // Another path is another scope.
    let john = Person::new(api).await;
    let sign_in = json!({"email": john.email, "password": testkit::PASSWORD});
    api.post("/v1/sessions").header("idempotency-key", &key).json(&sign_in).send().await.expect(201);
}

// R54
pub async fn a_repeated_upload_makes_one_image(target: Target) {
    let john = Person::new(&target.api).await;
    let (path, key) = (format!("{}/images", john.path()), unique("key"));
    let chain = json!([{"op": "resize", "width": 64}]);
    let post = |file: Vec<u8>| {
        let call = target.api.post(&path).bearer(&john.token).header("idempotency-key", &key);
        call.upload(file, "operations", &chain).send()
    };
    let first = post(photos::png(320, 200)).await;
    let again = post(photos::png(320, 200)).await;
    assert_eq!(again.expect(202)["id"], first.expect(202)["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    post(photos::png(321, 200)).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
    let list = target.api.get(&path).bearer(&john.token).send().await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

pub async fn a_key_out_of_shape_is_refused(target: Target) {
    let long = "k".repeat(256);
    for key in ["", " ", long.as_str(), "a b"] {
        let answer = target.api.post("/v1/users").header("idempotency-key", key).json(&Person::body()).send().await;
        let problem = answer.problem(422, "INVALID_INPUT");
        assert_eq!(
            problem["errors"][0]["header"].as_str().unwrap_or_default().to_lowercase(),
            "idempotency-key",
            "{problem}"
        );
    }
}
