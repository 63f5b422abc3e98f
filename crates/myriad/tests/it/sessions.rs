//! Sign-in, sessions, revocation.

use serde_json::json;
use testkit::{Person, unique};

use crate::target::{Target, text};

// R41
pub async fn a_session_can_be_listed_and_ended(target: Target) {
    let john = Person::new(&target.api).await;
    let other = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
    let list = target.api.get("/v1/sessions").bearer(&john.token).send().await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{list}");
    let current: Vec<_> = items.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(text(current[0], "id"), john.session);
    let keys: Vec<_> = items[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "createdAt", "lastSeenAt", "expiresAt", "ip", "userAgent", "current"]);

    let path = format!("/v1/sessions/{}", text(&other, "id"));
    let mary = Person::new(&target.api).await;
    target.api.delete(&path).bearer(&mary.token).send().await.problem(404, "NOT_FOUND");
    target.api.delete(&path).bearer(&john.token).send().await.expect(204);
    target.api.delete(&path).bearer(&john.token).send().await.problem(404, "NOT_FOUND");
    target.require_signed_out(&text(&other, "token")).await;

    target.api.delete("/v1/sessions/current").bearer(&john.token).send().await.expect(204);
    target.require_signed_out(&john.token).await;
}

pub async fn the_cookie_is_as_the_contract_has_it(target: Target) {
    let john = Person::new(&target.api).await;
    let answer = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await;
    let session = answer.expect(201);
    let keys: Vec<_> = session.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "token", "expiresAt", "userId"]);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("__Host-myriad=")).unwrap();
    let lower = cookie.to_lowercase();
    for part in ["httponly", "secure", "samesite=lax", "path=/", "max-age=2592000"] {
        assert!(lower.contains(part), "{part}: {cookie}");
    }
    let value = cookie.split(';').next().unwrap();
    assert_eq!(target.api.get("/v1/users/me").header("cookie", value).send().await.expect(200)["id"], john.id);
    // Bearer wins over the cookie.
    let mary = Person::new(&target.api).await;
    let me = target.api.get("/v1/users/me").header("cookie", value).bearer(&mary.token).send().await.expect(200);
    assert_eq!(me["id"], mary.id);
    let out = target.api.delete("/v1/sessions/current").header("cookie", value).send().await;
    out.expect(204);
    let cleared = out
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|cookie| cookie.starts_with("__Host-myriad=;") && cookie.to_lowercase().contains("max-age=0"));
    assert!(cleared, "{:?}", out.headers);
}

pub async fn a_write_by_cookie_from_another_site_is_refused(target: Target) {
    let john = Person::new(&target.api).await;
    let cookie = format!("__Host-myriad={}", john.token);
    let patch = |name: &str, value: &str| {
        let call = target.api.patch(&john.path()).header("cookie", &cookie).header(name, value);
        call.json(&json!({"firstName": "Eve"})).send()
    };
    patch("sec-fetch-site", "cross-site").await.problem(403, "CROSS_SITE");
    patch("origin", "https://evil.example").await.problem(403, "CROSS_SITE");
    patch("origin", "null").await.problem(403, "CROSS_SITE");
    patch("sec-fetch-site", "same-origin").await.expect(200);
    patch("origin", target.api.base()).await.expect(200);
    // A program with a bearer token has no ambient authority to abuse.
    let call = target.api.patch(&john.path()).bearer(&john.token).header("origin", "https://evil.example");
    call.json(&json!({"firstName": "Ann"})).send().await.expect(200);
}

pub async fn a_wrong_password_and_an_unknown_email_look_alike(target: Target) {
    let john = Person::new(&target.api).await;
    let wrong = Person::sign_in(&target.api, &john.email, "not the password 1").await;
    let unknown =
        Person::sign_in(&target.api, &format!("{}@example.com", unique("nobody")), "not the password 1").await;
    let (mut wrong_body, mut unknown_body) =
        (wrong.problem(401, "BAD_CREDENTIALS"), unknown.problem(401, "BAD_CREDENTIALS"));
    for body in [&mut wrong_body, &mut unknown_body] {
        body.as_object_mut().unwrap().remove("traceId");
    }
    assert_eq!(wrong_body, unknown_body);
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    let names = |answer: &testkit::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
}

pub async fn forged_tokens_are_refused_everywhere(target: Target) {
    let john = Person::new(&target.api).await;
    let flipped: String = {
        let mut letters: Vec<char> = john.token.chars().collect();
        let middle = letters.len() / 2;
        letters[middle] = if letters[middle] == 'A' { 'B' } else { 'A' };
        letters.into_iter().collect()
    };
    let truncated = &john.token[..john.token.len() - 2];
    for token in [flipped.as_str(), truncated, "", "x", "🦀", &"A".repeat(5000)] {
        for path in ["/v1/users/me", &john.path(), "/v1/sessions"] {
            let Ok(answer) = target.api.get(path).header("authorization", &format!("Bearer {token}")).try_send().await
            else {
                continue; // not even a header
            };
            answer.problem(401, "UNAUTHENTICATED");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    target
        .api
        .get("/v1/users/me")
        .header("authorization", "Basic am9objpzZWNyZXQ=")
        .send()
        .await
        .problem(401, "UNAUTHENTICATED");
}

pub async fn signing_out_everywhere_ends_every_session(target: Target) {
    let john = Person::new(&target.api).await;
    let other = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
    target.api.delete("/v1/sessions").bearer(&john.token).send().await.expect(204);
    for token in [&john.token, &text(&other, "token")] {
        target.require_signed_out(token).await;
    }
    Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
}

pub async fn a_password_change_ends_the_other_sessions(target: Target) {
    let john = Person::new(&target.api).await;
    let other = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
    let put = |current: &str, new: &str| {
        let body = json!({"currentPassword": current, "newPassword": new});
        target.api.put(&format!("{}/password", john.path())).bearer(&john.token).json(&body).send()
    };
    put("not the password 1", "another fine password").await.problem(403, "BAD_CREDENTIALS");
    put(testkit::PASSWORD, "password").await.problem(422, "WEAK_PASSWORD");
    put(testkit::PASSWORD, "another fine password").await.expect(204);
    target.api.get("/v1/users/me").bearer(&john.token).send().await.expect(200);
    target.require_signed_out(&text(&other, "token")).await;
    Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.problem(401, "BAD_CREDENTIALS");
    Person::sign_in(&target.api, &john.email, "another fine password").await.expect(201);
}

pub async fn the_twenty_first_session_ends_the_oldest(target: Target) {
    let john = Person::new(&target.api).await;
    for _ in 0..20 {
        Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
    }
    let newest = Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.expect(201);
    let token = text(&newest, "token");
    let list = target.api.get("/v1/sessions").bearer(&token).send().await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 20);
    target.require_signed_out(&john.token).await;
}

pub async fn ten_wrong_passwords_are_enough(target: Target) {
    let john = Person::new(&target.api).await;
    let unknown = format!("{}@example.com", unique("nobody"));
    for email in [&john.email, &unknown] {
        for _ in 0..10 {
            Person::sign_in(&target.api, email, "not the password 1").await.problem(401, "BAD_CREDENTIALS");
        }
        let refused = Person::sign_in(&target.api, email, "not the password 1").await;
        refused.problem(429, "RATE_LIMITED");
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", refused.headers);
    }
}
