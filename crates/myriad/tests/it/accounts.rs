//! Accounts and profiles.

use futures::future::join_all;
use serde_json::json;
use testkit::{Person, unique};

use crate::target::{Target, text};

// R4: the textbook's answer, field for field.
pub async fn a_user_is_answered_as_the_contract_has_it(target: Target) {
    let john = Person::new(&target.api).await;
    for path in [john.path(), format!("/users/{}", john.id), "/v1/users/me".to_owned()] {
        let user = target.api.get(&path).bearer(&john.token).send().await.expect(200);
        let keys: Vec<_> = user.as_object().unwrap().keys().cloned().collect();
        let expected =
            ["id", "email", "firstName", "lastName", "address", "phoneNumbers", "picture", "createdAt", "updatedAt"];
        assert_eq!(keys, expected);
        assert_eq!(user["id"], john.id);
        assert_eq!(user["firstName"], "John");
        assert_eq!(user["lastName"], "Smith");
        assert_eq!(
            user["address"],
            json!({"streetAddress": "21 2nd Street", "city": "New York", "state": "NY", "postalCode": 10021})
        );
        assert_eq!(user["phoneNumbers"], json!(["212 555-1234", "646 555-4567"]));
        assert!(user["picture"].is_null());
        assert!(text(&user, "createdAt").ends_with('Z') && text(&user, "createdAt").len() == 24, "{user}");
    }
}

// R4
pub async fn a_postal_code_keeps_its_text(target: Target) {
    let john = Person::new(&target.api).await;
    for code in [
        json!("02134"),
        json!("SW1A 1AA"),
        json!(0),
        json!(9_007_199_254_740_991_u64),
        json!("00"),
        json!("9007199254740992"),
    ] {
        let body = json!({"address": {"postalCode": code}});
        let user = target.api.patch(&john.path()).bearer(&john.token).json(&body).send().await.expect(200);
        assert_eq!(user["address"]["postalCode"], code);
    }
    // Text that a number says without loss is shown as the number.
    let body = json!({"address": {"postalCode": "10021"}});
    let user = target.api.patch(&john.path()).bearer(&john.token).json(&body).send().await.expect(200);
    assert_eq!(user["address"]["postalCode"], 10021);
}

pub async fn a_taken_email_is_refused_however_it_is_spelt(target: Target) {
    let mut body = Person::body();
    let stem = unique("straße");
    body["email"] = json!(format!("{stem}@bücher.example"));
    target.api.post("/v1/users").json(&body).send().await.expect(201);
    for same in [
        format!("{stem}@bücher.example"),
        format!("{}@BÜCHER.example", stem.to_uppercase()),
        format!("{}@xn--bcher-kva.example", stem.replace('ß', "SS")),
    ] {
        body["email"] = json!(same);
        target.api.post("/v1/users").json(&body).send().await.problem(409, "EMAIL_TAKEN");
    }
}

// R65: one claim, whichever shards the racers' ids lie on.
pub async fn of_twenty_racing_sign_ups_one_wins(target: Target) {
    let body = Person::body();
    let answers = join_all((0..20).map(|_| target.api.post("/v1/users").json(&body).send())).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        lost.problem(409, "EMAIL_TAKEN");
    }
    let email = text(&body, "email");
    assert_eq!(
        Person::sign_in(&target.api, &email, testkit::PASSWORD).await.expect(201)["userId"],
        won[0].json()["id"]
    );
}

pub async fn others_see_the_public_part_only(target: Target) {
    let john = Person::new(&target.api).await;
    let mary = Person::new(&target.api).await;
    let public = json!({"id": john.id, "firstName": "John", "lastName": "Smith", "picture": null});
    assert_eq!(target.api.get(&john.path()).send().await.expect(200), public);
    assert_eq!(target.api.get(&john.path()).bearer(&mary.token).send().await.expect(200), public);
    let admin = target.admin().await;
    assert_eq!(target.api.get(&john.path()).bearer(&admin).send().await.expect(200)["email"], john.email);
}

pub async fn a_merge_patch_changes_what_it_names(target: Target) {
    let john = Person::new(&target.api).await;
    let patch = |body: serde_json::Value| target.api.patch(&john.path()).bearer(&john.token).json(&body).send();
    let user = patch(json!({"lastName": "Smythe", "address": {"city": "Brooklyn", "state": null}})).await.expect(200);
    assert_eq!(user["lastName"], "Smythe");
    assert_eq!(user["firstName"], "John");
    assert_eq!(user["address"]["city"], "Brooklyn");
    assert_eq!(user["address"]["streetAddress"], "21 2nd Street");
    assert!(user["address"].get("state").is_none_or(serde_json::Value::is_null), "{user}");
    let user = patch(json!({"address": null, "phoneNumbers": []})).await.expect(200);
    assert!(user["address"].is_null());
    assert_eq!(user["phoneNumbers"], json!([]));
    patch(json!({"firstName": null})).await.problem(422, "INVALID_INPUT");
    // The type that RFC 7396 names is taken as well.
    let body = r#"{"firstName":"Jack"}"#;
    let call = target.api.patch(&john.path()).bearer(&john.token).body("application/merge-patch+json", body);
    assert_eq!(call.send().await.expect(200)["firstName"], "Jack");
}

pub async fn an_email_change_frees_the_old_address(target: Target) {
    let john = Person::new(&target.api).await;
    let mary = Person::new(&target.api).await;
    let fresh = format!("{}@example.com", unique("fresh"));
    let patch = |email: &str| target.api.patch(&john.path()).bearer(&john.token).json(&json!({"email": email})).send();
    patch(&mary.email).await.problem(409, "EMAIL_TAKEN");
    assert_eq!(patch(&fresh).await.expect(200)["email"], fresh);
    Person::sign_in(&target.api, &fresh, testkit::PASSWORD).await.expect(201);
    Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.problem(401, "BAD_CREDENTIALS");
    let mut body = Person::body();
    body["email"] = json!(john.email);
    target.api.post("/v1/users").json(&body).send().await.expect(201);
}

pub async fn a_deleted_user_is_gone_and_the_email_is_free(target: Target) {
    let john = Person::new(&target.api).await;
    target.api.delete(&john.path()).bearer(&john.token).send().await.expect(204);
    target.api.get(&john.path()).send().await.problem(404, "NOT_FOUND");
    target.require_signed_out(&john.token).await;
    Person::sign_in(&target.api, &john.email, testkit::PASSWORD).await.problem(401, "BAD_CREDENTIALS");
    let mut body = Person::body();
    body["email"] = json!(john.email);
    let again = target.api.post("/v1/users").json(&body).send().await.expect(201);
    assert_ne!(again["id"], john.id);
}

pub async fn nobody_may_touch_anothers_account(target: Target) {
    let john = Person::new(&target.api).await;
    let mary = Person::new(&target.api).await;
    let api = &target.api;
    let body = json!({"firstName": "Eve"});
    api.patch(&john.path()).json(&body).send().await.problem(401, "UNAUTHENTICATED");
    api.patch(&john.path()).bearer(&mary.token).json(&body).send().await.problem(403, "FORBIDDEN");
    api.delete(&john.path()).bearer(&mary.token).send().await.problem(403, "FORBIDDEN");
    let password = json!({"currentPassword": testkit::PASSWORD, "newPassword": "another fine password"});
    let path = format!("{}/password", john.path());
    api.put(&path).bearer(&mary.token).json(&password).send().await.problem(403, "FORBIDDEN");
    // Not even an administrator sets another's password.
    api.put(&path).bearer(&target.admin().await).json(&password).send().await.problem(403, "FORBIDDEN");
    api.get("/v1/users").bearer(&mary.token).send().await.problem(403, "FORBIDDEN");
    api.get("/v1/users").send().await.problem(401, "UNAUTHENTICATED");
}
