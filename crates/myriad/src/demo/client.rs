//! The demo's HTTP client: every call is a timed step.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Method, RequestBuilder, Response, StatusCode, multipart::Form};
use serde_json::Value;

/// One line of the table.
#[derive(Debug)]
pub struct Step {
    /// What was done.
    pub name: String,
    /// HTTP status or word.
    pub status: String,
    /// How long it took.
    pub took: Duration,
}

/// A client of one server that keeps its steps.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// Bearer token, once signed in.
    pub token: Option<String>,
    /// What was done so far.
    pub steps: Vec<Step>,
}

impl Client {
    /// A client for `base`.
    ///
    /// # Errors
    /// Where the system has no certificates to trust.
    pub fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token: None, steps: Vec::new() })
    }

    /// Notes a step that is not one call.
    pub fn note(&mut self, name: &str, status: &str, took: Duration) {
        self.steps.push(Step { name: name.to_owned(), status: status.to_owned(), took });
    }

    /// A call with a JSON answer.
    ///
    /// # Errors
    /// Where the status is not the expected one; says what the server answered.
    pub async fn json(
        &mut self,
        step: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Result<Value> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Ok(self.send(step, request, status).await?.json().await?)
    }

    /// An upload.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub async fn form(&mut self, step: &str, path: &str, form: Form, status: u16) -> Result<Value> {
        let request = self.request(Method::POST, path).multipart(form);
        Ok(self.send(step, request, status).await?.json().await?)
    }

    /// A call whose answer does not matter.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub async fn empty(&mut self, step: &str, method: Method, path: &str, status: u16) -> Result<()> {
        let request = self.request(method, path);
        self.send(step, request, status).await.map(|_| ())
    }

    /// Fetches an absolute URL as anyone and returns the number of bytes.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub async fn bytes(&mut self, step: &str, url: &str) -> Result<u64> {
        let request = self.http.get(url);
        Ok(self.send(step, request, 200).await?.bytes().await?.len() as u64)
    }

    /// The status of a GET that is no step of its own.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn status(&self, path: &str) -> Result<StatusCode> {
        Ok(self.request(Method::GET, path).send().await?.status())
    }

    /// A GET that is no step of its own.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn quiet(&self, path: &str) -> Result<Value> {
        Ok(self.request(Method::GET, path).send().await?.error_for_status()?.json().await?)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&mut self, step: &str, request: RequestBuilder, status: u16) -> Result<Response> {
        let started = Instant::now();
        let answer =
            request.send().await.with_context(|| format!("{step}: is the server at {} running?", self.base))?;
        self.note(step, answer.status().as_str(), started.elapsed());
        if answer.status().as_u16() != status {
            let (found, text) = (answer.status(), answer.text().await.unwrap_or_default());
            bail!("{step}: the server answered {found}, not {status}: {text}");
        }
        Ok(answer)
    }
}
