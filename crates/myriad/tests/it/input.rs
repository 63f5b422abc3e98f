//! Bad input: the right status and problem, everything said at once, nothing lost.

use serde_json::{Value, json};
use testkit::Person;

use crate::target::Target;

pub async fn every_field_error_is_told_at_once(target: Target) {
    let body = json!({
        "email": "nobody", "password": testkit::PASSWORD, "firstName": "", "lastName": "a\u{0}b",
        "address": {"city": 5, "planet": "Mars", "postalCode": true}, "phoneNumbers": ["1", 2], "age": 7
    });
    let answer = target.api.post("/v1/users").json(&body).send().await;
    answer.problem(422, "INVALID_INPUT");
    let pointers = answer.pointers();
    for expected in [
        "/email",
        "/firstName",
        "/lastName",
        "/address/city",
        "/address/planet",
        "/address/postalCode",
        "/phoneNumbers/1",
        "/age",
    ] {
        assert!(pointers.iter().any(|pointer| pointer == expected), "{expected} is missing in {pointers:?}");
    }
}

pub async fn malformed_bodies_are_refused(target: Target) {
    let deep = format!("{{\"address\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let twice = r#"{"firstName":"a","firstName":"b"}"#;
    let nested_twice = r#"{"address":{"city":"a","city":"b"}}"#;
    let broken: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"a\":1,}",
        b"nul",
        b"{} {}",
        b"\xff\xfe{}",
        deep.as_bytes(),
        twice.as_bytes(),
        nested_twice.as_bytes(),
    ];
    for body in broken {
        let answer = target.api.post("/v1/users").body("application/json", body).send().await;
        answer.problem(400, "MALFORMED");
    }
}

pub async fn wrong_types_and_unknown_fields_are_refused(target: Target) {
    let john = Person::new(&target.api).await;
    let patch = |body: Value| target.api.patch(&john.path()).bearer(&john.token).json(&body).send();
    for (body, pointer) in [
        (json!({"id": 5}), "/id"),
        (json!({"password": "something else 12"}), "/password"),
        (json!({"role": "admin"}), "/role"),
        (json!({"picture": null}), "/picture"),
        (json!({"address": "home"}), "/address"),
        (json!({"phoneNumbers": {"0": "1"}}), "/phoneNumbers"),
        (json!({"email": null}), "/email"),
        (json!({"firstName": "a\nb"}), "/firstName"),
        (json!({"firstName": "\u{85}"}), "/firstName"),
    ] {
        let answer = patch(body.clone()).await;
        answer.problem(422, "INVALID_INPUT");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    for body in [json!([]), json!("x"), json!(5), json!(null)] {
        patch(body).await.problem(422, "INVALID_INPUT");
    }
}

pub async fn numbers_out_of_range_are_refused(target: Target) {
    let john = Person::new(&target.api).await;
    for code in [
        "-1",
        "1.5",
        "9007199254740990.6",
        "10021.00000000000000001",
        "9007199254740992",
        "1e400",
        "\"\"",
        "\"123456789012345678901\"",
    ] {
        let body = format!("{{\"address\":{{\"postalCode\":{code}}}}}");
        let call = target.api.patch(&john.path()).bearer(&john.token).body("application/json", body);
        let answer = call.send().await;
        assert!(answer.status == 422 || (code == "1e400" && answer.status == 400), "{code}: {}", answer.text());
    }
}

pub async fn bodies_over_the_limit_are_refused(target: Target) {
    let mut body = Person::body();
    body["firstName"] = json!("a".repeat(70_000));
    target.api.post("/v1/users").json(&body).send().await.problem(413, "BODY_TOO_LARGE");
    let john = Person::new(&target.api).await;
    let path = format!("{}/images", john.path());
    let mut file = crate::photos::png(64, 64);
    file.resize(20 * 1024 * 1024 + 1, 0);
    let call = target.api.post(&path).bearer(&john.token).upload(file, "operations", &json!([]));
    call.send().await.problem(413, "BODY_TOO_LARGE");
}

pub async fn wrong_methods_types_and_ids_are_refused(target: Target) {
    let john = Person::new(&target.api).await;
    let answer = target.api.put("/v1/users").json(&json!({})).send().await;
    answer.problem(405, "METHOD_NOT_ALLOWED");
    assert!(
        answer.header("allow").contains("POST") && answer.header("allow").contains("GET"),
        "{}",
        answer.header("allow")
    );
    target.api.post("/v1/users").body("text/plain", "{}").send().await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let answer = target.api.get(&john.path()).header("accept", "image/png").send().await;
    answer.problem(406, "NOT_ACCEPTABLE");
    for id in ["0", "-1", "012", "9007199254740992", "99999999999999999999", "abc", "1.0", "%31%00", "9007199254740991"]
    {
        target.api.get(&format!("/v1/users/{id}")).send().await.problem(404, "NOT_FOUND");
    }
    for path in ["/v1/nothing", "/v2/users", "/v1/users/1/nothing", "/v1/media/..%2F..%2Fetc%2Fpasswd", "/v1/media/x"] {
        target.api.get(path).send().await.problem(404, "NOT_FOUND");
    }
    let images = format!("{}/images/..%2F..%2Fsecret", john.path());
    target.api.get(&images).bearer(&john.token).send().await.problem(404, "NOT_FOUND");
}

pub async fn weak_passwords_are_refused(target: Target) {
    for password in ["password", "12345678", "PassWord", "qwertyuiop", "zzzzzzzzz", "bcdefghij"] {
        let mut body = Person::body();
        body["password"] = json!(password);
        target.api.post("/v1/users").json(&body).send().await.problem(422, "WEAK_PASSWORD");
    }
    for password in ["seven77".to_owned(), "x".repeat(257)] {
        let mut body = Person::body();
        body["password"] = json!(password);
        let answer = target.api.post("/v1/users").json(&body).send().await;
        answer.expect(422);
    }
    // Every character counts, also the ones after the 72nd byte and those outside ASCII.
    let mut body = Person::body();
    let long = format!("{}é", "pass phrase ".repeat(12));
    body["password"] = json!(long);
    target.api.post("/v1/users").json(&body).send().await.expect(201);
    let email = body["email"].as_str().unwrap();
    Person::sign_in(&target.api, email, &long).await.expect(201);
    Person::sign_in(&target.api, email, &long.replace('é', "e")).await.problem(401, "BAD_CREDENTIALS");
}

pub async fn lists_refuse_bad_limits_and_cursors(target: Target) {
    let john = Person::new(&target.api).await;
    let list = format!("{}/images", john.path());
    for limit in ["0", "201", "-1", "x", ""] {
        let answer = target.api.get(&format!("{list}?limit={limit}")).send().await;
        let problem = answer.problem(422, "INVALID_INPUT");
        assert_eq!(problem["errors"][0]["parameter"], "limit", "{problem}");
    }
    target.api.get(&format!("{list}?cursor=nonsense")).send().await.problem(400, "BAD_CURSOR");
    let empty = target.api.get(&format!("{list}?limit=200")).send().await.expect(200);
    assert_eq!(empty, json!({"items": [], "nextCursor": null}));
}
