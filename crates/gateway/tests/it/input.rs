//! Bad input, each with its status and code.

use serde_json::{Value, json};

use crate::{
    client::{Reply, call, get, post},
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
    let phones = json!({"email": "a@example.com", "password": "a long password", "firstName": "A", "lastName": "B",
        "phoneNumbers": ["1", 2, null, "", "x".repeat(41), "5"]});
    let reply = post("/v1/users").json(&phones).send(&world).await;
    assert_eq!(reply.errors(), ["/phoneNumbers/1", "/phoneNumbers/2", "/phoneNumbers/3", "/phoneNumbers/4"]);
    assert!(world.fake.state().asked.is_empty());
}

#[tokio::test]
async fn a_weak_password_is_told_with_all_else_and_has_its_own_code_alone() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let new = |first: &str, password: &str| {
        post("/v1/users").json(
            &json!({"email": "john.smith@example.com", "password": password, "firstName": first, "lastName": "S"}),
        )
    };
    let change = |key: &str, new: &str| {
        call("PUT", "/v1/users/12/password").bearer(&token).json(&json!({key: "the right one", "newPassword": new}))
    };
    for weak in ["short", "password", "aaaaaaaa", "John.Smith@example.com"] {
        let told = |reply: Reply| (reply.status, reply.code(), reply.errors());
        let alone = |at: &str| (422, "WEAK_PASSWORD".to_owned(), vec![at.to_owned()]);
        let all = |at: [&str; 2]| (422, "INVALID_INPUT".to_owned(), at.map(str::to_owned).to_vec());
        assert_eq!(told(new("J", weak).send(&world).await), alone("/password"), "{weak}");
        assert_eq!(told(new("", weak).send(&world).await), all(["/firstName", "/password"]), "{weak}");
        let keyed = new("J", weak).header("Idempotency-Key", "a b").send(&world).await;
        assert_eq!(told(keyed), all(["/password", "Idempotency-Key"]), "{weak}");
        if !weak.contains('@') {
            assert_eq!(told(change("currentPassword", weak).send(&world).await), alone("/newPassword"), "{weak}");
            let reply = change("current", weak).send(&world).await;
            assert_eq!(reply.code(), "INVALID_INPUT");
            assert_eq!(reply.errors(), ["/current", "/currentPassword", "/newPassword"], "{weak}");
        }
    }
    let asked = world.fake.state().asked.clone();
    assert!(asked.iter().all(|what| *what == "validate_session"), "{asked:?}");
}

#[tokio::test]
async fn a_bad_key_is_told_with_what_is_wrong_in_the_body() {
    let world = World::new().await;
    let reply = post("/v1/sessions").header("Idempotency-Key", "").json(&json!({"email": "x"})).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (422, "INVALID_INPUT"));
    assert_eq!(reply.errors(), ["/email", "/password", "Idempotency-Key"]);
    let reply = post("/v1/users").header("Idempotency-Key", "").body("application/json", "{").send(&world).await;
    assert_eq!(reply.code(), "MALFORMED");
}

#[tokio::test]
async fn a_postal_code_is_taken_exactly_or_not_at_all() {
    // R4
    let world = World::new().await;
    let token = world.token(OWNER);
    let patch = async |number: &str| {
        let body =
            format!(r#"{{"firstName": "\"1.5\\", "address": {{"postalCode": {number}}}, "phoneNumbers": ["2.5"]}}"#);
        let reply = call("PATCH", "/v1/users/12").bearer(&token).body("application/json", body).send(&world).await;
        let update = world.fake.state().updates.pop();
        (reply.status, update.and_then(|update| update.address?.postal_code?.value))
    };
    for (number, kept) in [
        ("10021", "10021"),
        ("10021.0", "10021"),
        ("1.0021e4", "10021"),
        ("1002100E-2", "10021"),
        ("0", "0"),
        ("-0.0", "0"),
        ("9007199254740991.000", "9007199254740991"),
        ("9007199254740989.0", "9007199254740989"),
        ("900719925474099.1e+1", "9007199254740991"),
    ] {
        assert_eq!(patch(number).await, (200, Some(kept.to_owned())), "{number}");
    }
    for number in [
        "10021.5",
        "10021.00000000000000001",
        "9007199254740990.6",
        "9007199254740992",
        "9007199254740992.0",
        "1e-5",
        "-1",
        "-1.0",
        "1e300",
    ] {
        assert_eq!(patch(number).await, (422, None), "{number}");
    }
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
    let plain = post("/v1/users").json(&json!({})).header("Content-Encoding", "identity").send(&world).await;
    assert_eq!((plain.status, plain.code().as_str()), (422, "INVALID_INPUT"));
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
    for none in ["x y", "../x", ""] {
        let reply = put(json!({"imageId": none, "variant": ""})).send(&world).await;
        assert_eq!((reply.status, reply.errors()), (422, vec!["/imageId".into(), "/variant".into()]), "{none}");
    }
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
