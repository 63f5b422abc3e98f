//! People: signed up and signed in through the public API.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::{Answer, Api};

/// A password that policy takes.
pub const PASSWORD: &str = "correct horse battery 12";

static COUNTER: AtomicU64 = AtomicU64::new(1);

/// A text no other test of this run uses.
pub fn unique(stem: &str) -> String {
    format!("{stem}-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Somebody with an account and a session.
#[derive(Debug, Clone)]
pub struct Person {
    /// User id.
    pub id: u64,
    /// E-mail.
    pub email: String,
    /// Bearer token.
    pub token: String,
    /// Id of the session.
    pub session: String,
}

impl Person {
    /// A sign-up body with a fresh e-mail.
    pub fn body() -> Value {
        json!({
            "email": format!("{}@example.com", unique("john")),
            "password": PASSWORD,
            "firstName": "John",
            "lastName": "Smith",
            "address": {"streetAddress": "21 2nd Street", "city": "New York", "state": "NY", "postalCode": 10021},
            "phoneNumbers": ["212 555-1234", "646 555-4567"]
        })
    }

    /// Signs somebody up and in.
    pub async fn new(api: &Api) -> Self {
        let body = Self::body();
        let user = api.post("/v1/users").json(&body).send().await.expect(201);
        let email = body["email"].as_str().unwrap_or_default().to_owned();
        let session = Self::sign_in(api, &email, PASSWORD).await.expect(201);
        Self {
            id: user["id"].as_u64().unwrap_or_default(),
            email,
            token: session["token"].as_str().unwrap_or_default().to_owned(),
            session: session["id"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Tries to sign in.
    pub async fn sign_in(api: &Api, email: &str, password: &str) -> Answer {
        api.post("/v1/sessions").json(&json!({"email": email, "password": password})).send().await
    }

    /// The path of the account.
    pub fn path(&self) -> String {
        format!("/v1/users/{}", self.id)
    }
}
