//! Bad input, each with its status and code.

use serde_json::{Value, json};

use crate::{
    client::{call, get, post},
    world::{OWNER, World},
};

#[tokio::test]
async fn what_cannot_be_read_is_malformed() {
    let world = World::new().await;
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe".to_vec(),
        br#"{"email":"a@b.c","email":"a@b.c"}"#.to_vec(),
        deep.into_bytes(),
        b"{} {}".to_vec(),
        b"NaN".to_vec(),
    ];
    for body in bodies {
        for path in ["/v1/users", "/v1/sessions"] {
            let reply = post(path).body("application/json", body.clone()).send(&world).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "MALFORMED"), "{}", String::from_utf8_lossy(&body));
        }
    }
    assert!(world.fake.state().asked.is_empty());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_sign_up_is_told_at_once() {
    let world = World::new().await;
    let body = json!({"email": "nobody", "password": "a\u{0}b", "firstName": "", "lastName": "x\u{7}", "role": "admin", "id": 1,
        "address": {"postalCode": -1, "zip": 1}, "phoneNumbers": "x"});
    let reply = post("/v1/users").json(&body).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (422, "INVALID_INPUT"));
    assert_eq!(
        reply.errors(),
        [
            "/address/postalCode",
            "/address/zip",
            "/email",
            "/firstName",
            "/id",
            "/lastName",
            "/password",
            "/phoneNumbers",
            "/role"
        ]
    );
    let huge = r#"{"email":"a@example.com","password":"a long password","firstName":"A","lastName":"B","address":{"postalCode":1e999}}"#;
    let reply = post("/v1/users").body("application/json", huge).send(&world).await;
    assert_eq!((reply.status, reply.errors()), (422, vec!["/address/postalCode".into()]));
    for wrong in [json!([]), json!("x"), json!(null)] {
        assert_eq!(post("/v1/users").json(&wrong).send(&world).await.status, 422);
    }
    assert!(world.fake.state().asked.is_empty());
}

#[tokio::test]
async fn bodies_of_another_type_or_too_large_are_refused() {
    let world = World::new().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "application/merge-patch+json",
        "",
    ] {
        let reply = post("/v1/users").body(content_type, "{}").send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{content_type}");
    }
    let coded = post("/v1/users").json(&json!({})).header("Content-Encoding", "gzip").send(&world).await;
    assert_eq!(coded.status, 415);
    let large: Value = json!({"firstName": "x".repeat(70_000)});
    let reply = post("/v1/users").json(&large).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn methods_and_problems_are_explained() {
    let world = World::new().await;
    let reply = call("PUT", "/v1/users/12").send(&world).await;
    assert_eq!(
        (reply.status, reply.code().as_str(), reply.header("allow")),
        (405, "METHOD_NOT_ALLOWED", Some("GET, PATCH, DELETE, HEAD, OPTIONS"))
    );
    let options = call("OPTIONS", "/v1/users").send(&world).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, GET, HEAD, OPTIONS")));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let reply = get("/v1/nothing?x=1")
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-00"))
        .header("X-Request-Id", "my.id:1")
        .send(&world)
        .await;
    assert_eq!(reply.header("x-request-id"), Some("my.id:1"));
    assert_eq!(reply.header("server"), Some("myriad"));
    let problem = reply.json();
    assert_eq!(problem["type"], "https://myriad.example/problems/not-found");
    assert_eq!(
        (problem["status"].as_u64(), problem["instance"].as_str(), problem["traceId"].as_str()),
        (Some(404), Some("/v1/nothing"), Some(trace))
    );
    assert!(problem.get("errors").is_none() && problem["title"].is_string() && problem["detail"].is_string());
    let page = get("/v1/docs/problems/not-found").send(&world).await;
    assert!(page.status == 200 && page.text().contains("NOT_FOUND"));
    assert_eq!(get("/v1/docs/problems/moved").send(&world).await.status, 404);
}

#[tokio::test]
async fn a_choice_of_picture_is_checked() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let put = |body: Value| call("PUT", "/v1/users/12/picture").bearer(&token).json(&body);
    assert_eq!(put(json!({"imageId": 3, "x": 1})).send(&world).await.errors(), ["/imageId", "/x"]);
    assert_eq!(put(json!({"imageId": "../x"})).send(&world).await.status, 404);
    let queued = put(json!({"imageId": crate::fake::IMAGE})).send(&world).await;
    assert_eq!((queued.status, queued.code().as_str()), (409, "PICTURE_NOT_READY"));
    let worn = put(json!({"imageId": crate::fake::DONE_IMAGE})).send(&world).await;
    assert_eq!(worn.json()["picture"]["version"], 1);
    let url = worn.json()["picture"]["url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with(&format!("http://{}/v1/media/", world.address))
            && worn.json()["picture"]["originUrl"] == url.as_str()
    );
}
