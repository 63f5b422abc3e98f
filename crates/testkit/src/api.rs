//! The HTTP client of the tests: no cookie jar, no redirects, no retries; what is sent is what the test says.

#![expect(clippy::panic, reason = "a test driver fails by panicking")]

use std::{sync::Once, time::Duration};

use anyhow::Result;
use reqwest::{
    Method, RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::Answer;

static TLS: Once = Once::new();

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
}

impl Api {
    /// A client for `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Result<Self> {
        TLS.call_once(|| {
            // A second installation in the same test process is refused and changes nothing.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let client = reqwest::Client::builder()
            .timeout(Duration::from_mins(1))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    /// The server's base.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Begins a call to a path (`/v1/users`) or an absolute URL.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        Call { request: self.client.request(method, url) }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// PATCH.
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    /// PUT.
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }
}

/// A call being put together.
#[derive(Debug)]
#[must_use]
pub struct Call {
    request: RequestBuilder,
}

impl Call {
    /// Adds a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        Self { request: self.request.bearer_auth(token) }
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        Self { request: self.request.json(body) }
    }

    /// Any body.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { request: self.request.header("content-type", content_type).body(body.into()) }
    }

    /// A picture upload: the file, and `operations` or `variants` with its JSON.
    pub fn upload(self, file: Vec<u8>, field: &'static str, chain: &Value) -> Self {
        let form = Form::new().part("file", Part::bytes(file).file_name("photo.jpg")).text(field, chain.to_string());
        Self { request: self.request.multipart(form) }
    }

    /// Sends it and reads the answer.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn send(self) -> Answer {
        match self.try_send().await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error:#}"),
        }
    }

    /// Sends it; an error is a connection's.
    pub async fn try_send(self) -> Result<Answer> {
        let answer = self.request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await?.to_vec() })
    }
}
