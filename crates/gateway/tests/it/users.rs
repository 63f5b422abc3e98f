//! Users as clients see them.

use model::{Code, Error};
use serde_json::json;

use crate::{
    client::{call, get, post},
    world::{ADMIN, OTHER, OWNER, World},
};

#[tokio::test]
async fn the_textbooks_user_is_answered_field_for_field() {
    // R4
    let world = World::new().await;
    for path in ["/users/12", "/v1/users/12", "/v1/users/me"] {
        let reply = get(path).bearer(&world.token(OWNER)).send(&world).await;
        assert_eq!(reply.status, 200);
        let expected = r#"{"id":12,"email":"john@example.com","firstName":"John","lastName":"Smith","address":{"streetAddress":"21 2nd Street","city":"New York","state":"NY","postalCode":10021},"phoneNumbers":["212 555-1234","646 555-4567"],"picture":null,"createdAt":"2026-01-31T12:00:00.000Z","updatedAt":"2026-01-31T12:00:00.007Z"}"#;
        assert_eq!(reply.text(), expected);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        assert_eq!(reply.header("vary"), Some("Accept, Authorization, Cookie"));
    }
}

#[tokio::test]
async fn others_see_the_public_part_only_and_administrators_all() {
    let world = World::new().await;
    let public = r#"{"id":12,"firstName":"John","lastName":"Smith","picture":null}"#;
    let anybody = get("/users/12").send(&world).await;
    assert_eq!((anybody.text().as_str(), anybody.header("cache-control")), (public, Some("public, max-age=1")));
    assert_eq!(get("/users/12").bearer(&world.token(OTHER)).send(&world).await.text(), public);
    assert!(get("/users/12").bearer(&world.token(ADMIN)).send(&world).await.json()["email"].is_string());
}

#[tokio::test]
async fn one_url_answers_html_or_json() {
    // R2
    let world = World::new().await;
    world.fake.state().users.get_mut(&OWNER).unwrap().last_name = "<b>Smith</b>".into();
    let html = get("/users/12").header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").send(&world).await;
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        html.text().contains("John &lt;b&gt;Smith&lt;/b&gt;")
            && !html.text().contains("<b>")
            && !html.text().contains("@example.com")
    );
    assert!(html.header("content-security-policy").unwrap().contains("script-src 'self'"));
    let own = get("/users/12").bearer(&world.token(OWNER)).header("Accept", "text/html").send(&world).await;
    assert!(own.text().contains("john@example.com"));
    for json in ["application/json", "*/*", "text/html, application/json"] {
        assert_eq!(
            get("/users/12").header("Accept", json).send(&world).await.header("content-type"),
            Some("application/json"),
            "{json}"
        );
    }
    let none = get("/users/12").header("Accept", "image/png").send(&world).await;
    assert_eq!((none.status, none.code().as_str()), (406, "NOT_ACCEPTABLE"));
}

#[tokio::test]
async fn a_sign_up_is_passed_on_whole() {
    let world = World::new().await;
    let body = json!({"email": "new@example.com", "password": "a long password", "firstName": "N", "lastName": "W",
        "address": {"postalCode": 10021.0}, "phoneNumbers": ["1"]});
    let reply = post("/v1/users").json(&body).send(&world).await;
    assert_eq!((reply.status, reply.header("location")), (201, Some("/v1/users/14")));
    assert_eq!(reply.json()["address"], json!({"postalCode": 10021}));
    let asked = world.fake.state().sign_ups[0].clone();
    assert_eq!(
        (asked.email.as_str(), asked.password.as_str(), asked.role()),
        ("new@example.com", "a long password", api::user::v1::Role::User)
    );
    assert_eq!(asked.idempotency, None);
}

#[tokio::test]
async fn a_merge_patch_sets_and_clears() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let body = json!({"firstName": "Jon", "address": {"city": null, "postalCode": "02134"}, "phoneNumbers": null});
    for content_type in ["application/merge-patch+json", "application/json", "Application/JSON; charset=UTF-8"] {
        let reply =
            call("PATCH", "/v1/users/12").bearer(&token).body(content_type, body.to_string()).send(&world).await;
        assert_eq!((reply.status, reply.json()["firstName"].as_str()), (200, Some("Jon")));
    }
    let asked = world.fake.state().updates[0].clone();
    let address = asked.address.unwrap();
    assert_eq!(
        (address.clear, address.city.unwrap().value, address.postal_code.unwrap().value.as_deref(), address.state),
        (false, None, Some("02134"), None)
    );
    assert_eq!((asked.phone_numbers.unwrap().items.len(), asked.last_name, asked.if_version), (0, None, None));
}

#[tokio::test]
async fn lists_of_users_go_on_where_they_ended() {
    let world = World::new().await;
    let admin = world.token(ADMIN);
    let mut seen = Vec::new();
    let mut path = "/v1/users?limit=1".to_owned();
    loop {
        let page = get(path).bearer(&admin).send(&world).await;
        assert_eq!(page.status, 200);
        seen.extend(page.json()["items"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()));
        let Some(cursor) = page.json()["nextCursor"].as_str().map(str::to_owned) else {
            break;
        };
        path = format!("/v1/users?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, [ADMIN, OWNER, OTHER]);
    let found = get("/v1/users?email=john%40example.com").bearer(&admin).send(&world).await;
    assert_eq!(found.json()["items"].as_array().unwrap().len(), 1);
    for cursor in ["x", "MTI", "%00", "%ff", "", "%F0%9F%A6%80"] {
        let reply = get(format!("/v1/users?cursor={cursor}")).bearer(&admin).send(&world).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "BAD_CURSOR"), "{cursor}");
    }
    let reply = get("/v1/users?limit=0&email=x&cursor=a&cursor=b").bearer(&admin).send(&world).await;
    assert_eq!((reply.status, reply.errors()), (422, vec!["cursor".into(), "email".into(), "limit".into()]));
}

#[tokio::test]
async fn a_change_of_password_ends_the_other_sessions() {
    let world = World::new().await;
    world.fake.state().sessions.insert((OWNER, 50));
    let token = world.token(OWNER);
    let change = |current: &str| {
        call("PUT", "/v1/users/12/password")
            .json(&json!({"currentPassword": current, "newPassword": "another long one"}))
    };
    let wrong = change("wrong").bearer(&token).send(&world).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "BAD_CREDENTIALS"));
    assert_eq!(change("the right one").bearer(&token).send(&world).await.status, 204);
    assert_eq!(get("/v1/users/me").bearer(&token).send(&world).await.status, 200);
    assert!(!world.fake.state().sessions.contains(&(OWNER, 50)));
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_so_is_the_cookie() {
    let world = World::new().await;
    let token = world.token(OWNER);
    let reply = call("DELETE", "/v1/users/12").cookie(&token).send(&world).await;
    assert_eq!(reply.status, 204);
    assert!(
        reply
            .all("set-cookie")
            .iter()
            .any(|cookie| cookie.starts_with("__Host-myriad=;") && cookie.contains("Max-Age=0"))
    );
    assert_eq!(get("/v1/users/me").bearer(&token).send(&world).await.status, 401);
    assert_eq!(get("/users/12").send(&world).await.status, 404);
}

#[tokio::test]
async fn errors_of_services_keep_their_code_and_nothing_else_leaves() {
    let world = World::new().await;
    for (code, status) in [
        (Code::EmailTaken, 409),
        (Code::WeakPassword, 422),
        (Code::Busy, 503),
        (Code::InDoubt, 503),
        (Code::Moved, 503),
        (Code::Internal, 500),
    ] {
        world.fake.state().refuse = Some(Error::new(code, "what to do"));
        let body =
            json!({"email": "new@example.com", "password": "a long password", "firstName": "N", "lastName": "W"});
        let reply = post("/v1/users").json(&body).send(&world).await;
        assert_eq!(reply.status, status, "{code:?}");
        assert_eq!(reply.header("retry-after").is_some(), status == 503, "{code:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    world.fake.state().refuse = Some(Error::new(Code::RateLimited, "slow down").retry_after(60));
    let reply = post("/v1/sessions").json(&json!({"email": "john@example.com", "password": "x"})).send(&world).await;
    assert_eq!(
        (reply.status, reply.header("retry-after"), reply.header("ratelimit")),
        (429, Some("60"), Some("\"account\";r=0;t=60"))
    );
    assert_eq!(reply.header("ratelimit-policy"), Some("\"account\";q=10;w=3600"));
}

#[tokio::test]
async fn a_service_that_hangs_is_not_waited_for() {
    let world = World::with(|config| config.deadline_ms = 200).await;
    world.fake.state().hang = true;
    let read = get("/users/12").send(&world).await;
    assert_eq!((read.status, read.code().as_str(), read.header("retry-after")), (503, "UNAVAILABLE", Some("1")));
    let body = json!({"email": "new@example.com", "password": "a long password", "firstName": "N", "lastName": "W"});
    let write = post("/v1/users").json(&body).send(&world).await;
    assert_eq!((write.status, write.code().as_str(), write.header("retry-after")), (503, "IN_DOUBT", Some("1")));
}
