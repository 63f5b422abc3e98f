//! The page and the docs: files compiled into the binary, each with its tag, under a strict Content-Security-Policy.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::conditional::{content_tag, none_match};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// `web/`.
    Page,
    /// `docs/`.
    Docs,
}

#[derive(Debug)]
struct File {
    set: Set,
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    tag: HeaderValue,
}

/// All files, and what protects them.
#[derive(Debug)]
pub struct Assets {
    files: Vec<File>,
    policy: HeaderValue,
}

impl Assets {
    /// `cdn_url` is where pictures come from; where it is another origin than `public_url` the page may show them.
    pub fn new(cdn_url: &str, public_url: &str) -> Self {
        let page = PAGE.iter().map(|file| (Set::Page, file));
        let docs = DOCS.iter().map(|file| (Set::Docs, file));
        let files = page.chain(docs).filter_map(|(set, &(name, content_type, bytes))| {
            let tag = HeaderValue::from_str(&content_tag(bytes, "a")).ok()?;
            Some(File { set, name, content_type, bytes, tag })
        });
        let images = if cdn_url == public_url { String::new() } else { format!(" {}", origin(cdn_url)) };
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:{images}; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { files: files.collect(), policy }
    }

    /// A file that is part of a page and no page itself.
    pub fn part(&self, set: Set, name: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let page = self
            .files
            .iter()
            .any(|file| file.set == set && file.name == name && file.content_type.starts_with("text/html"));
        if page { None } else { self.answer(set, name, headers) }
    }

    /// A file: 200, 304, or none where there is no such file.
    pub fn answer(&self, set: Set, name: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let file = self.files.iter().find(|file| file.set == set && file.name == name)?;
        metrics::counter!("gateway_static_hits_total", "kind" => "asset").increment(1);
        let mut response = Response::new(Body::empty());
        let out = response.headers_mut();
        out.insert(header::ETAG, file.tag.clone());
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        out.insert(header::VARY, HeaderValue::from_static("Accept"));
        self.protect(out);
        if none_match(headers, file.tag.to_str().unwrap_or_default()) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
            *response.body_mut() = Body::from(Bytes::from_static(file.bytes));
        }
        Some(response)
    }

    /// The headers of everything that a browser shows as a page.
    pub fn protect(&self, out: &mut HeaderMap) {
        out.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        out.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    }
}

/// `https://host` of `https://host/path`.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_may_load_nothing_from_elsewhere() {
        let assets = Assets::new("http://a", "http://a");
        let policy = assets.policy.to_str().unwrap().to_owned();
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        assert!(
            Assets::new("https://cdn.example/x", "http://a")
                .policy
                .to_str()
                .unwrap()
                .contains("data: https://cdn.example;")
        );
        for (_, _, bytes) in PAGE.iter().chain(DOCS).filter(|(_, kind, _)| kind.starts_with("text/html")) {
            let html = std::str::from_utf8(bytes).unwrap();
            for forbidden in ["<style", " style=", " onclick=", "javascript:", "src=\"http", "href=\"http"] {
                assert!(!html.contains(forbidden), "{forbidden}");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made_up() {
        let assets = Assets::new("http://a", "http://a");
        for name in ["", "../Cargo.toml", "README.md", "index.html/"] {
            assert!(assets.answer(Set::Page, name, &HeaderMap::new()).is_none(), "{name}");
        }
        assert!(assets.answer(Set::Page, "index.html", &HeaderMap::new()).is_some());
    }
}
