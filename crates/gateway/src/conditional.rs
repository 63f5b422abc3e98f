//! Conditional requests (RFC 9110, section 13): tags, `If-None-Match`, `If-Match`.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use model::{Code, Error, Result, UserId};

/// Which form of a thing an answer holds; every form has its own tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All of it, as JSON.
    Full,
    /// The public part, as JSON.
    Public,
    /// All of it, as HTML.
    FullHtml,
    /// The public part, as HTML.
    PublicHtml,
}

impl Form {
    const fn mark(self) -> &'static str {
        match self {
            Self::Full => "f",
            Self::Public => "p",
            Self::FullHtml => "fh",
            Self::PublicHtml => "ph",
        }
    }
}

/// The strong tag of a user's form, quotes included.
pub fn user_tag(user: UserId, version: u64, form: Form) -> String {
    format!("\"{user}-{version}-{}\"", form.mark())
}

/// The strong tag of bytes, told apart by `mark`, quotes included.
pub fn content_tag(bytes: &[u8], mark: &str) -> String {
    let hash = blake3::hash(bytes).to_hex();
    format!("\"{}-{mark}\"", &hash[..22])
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing.
    Absent,
    /// `*`: any version that exists.
    Any,
    /// One of these tags, quotes included; weak ones are left out as they never match.
    Tags(Vec<String>),
}

impl IfMatch {
    /// Reads the header.
    pub fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::IF_MATCH) {
            return Self::Absent;
        }
        match tags(headers, &header::IF_MATCH) {
            None => Self::Any,
            Some(tags) => Self::Tags(tags.into_iter().filter(|tag| tag.starts_with('"')).collect()),
        }
    }

    /// The versions of a user that would match: none for "any", else a list, which may be empty.
    pub fn versions(&self, user: UserId) -> Option<Vec<u64>> {
        let Self::Tags(tags) = self else { return None };
        let prefix = format!("\"{user}-");
        let version = |tag: &String| tag.strip_prefix(&prefix)?.strip_suffix("-f\"")?.parse().ok();
        Some(tags.iter().filter_map(version).collect())
    }

    /// Checks the tag that a thing has now.
    pub fn check(&self, tag: &str) -> Result<()> {
        match self {
            Self::Absent | Self::Any => Ok(()),
            Self::Tags(tags) if tags.iter().any(|one| one == tag) => Ok(()),
            Self::Tags(_) => Err(mismatch()),
        }
    }
}

/// `VERSION_MISMATCH`.
pub fn mismatch() -> Error {
    Error::new(
        Code::VersionMismatch,
        "It has changed since the version named by If-Match. Get it again and repeat the change.",
    )
}

/// Whether `If-None-Match` names the tag (weak comparison) or is `*`.
pub fn none_match(headers: &HeaderMap, tag: &str) -> bool {
    headers.contains_key(header::IF_NONE_MATCH)
        && tags(headers, &header::IF_NONE_MATCH)
            .is_none_or(|tags| tags.iter().any(|one| one.trim_start_matches("W/") == tag))
}

/// The tags of a list header, or nothing for `*`. What is no tag is left out.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        let Ok(text) = value.to_str() else { continue };
        if text.trim() == "*" {
            return None;
        }
        // A tag may hold a comma, so it is read from quote to quote.
        let mut rest = text;
        while let Some(open) = rest.find('"') {
            let weak = rest[..open].ends_with("W/");
            let Some(length) = rest[open + 1..].find('"') else {
                break;
            };
            let end = open + 1 + length + 1;
            found.push(format!("{}{}", if weak { "W/" } else { "" }, &rest[open..end]));
            rest = &rest[end..];
        }
    }
    Some(found)
}

/// How long an answer may be kept, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Full forms.
    Private,
    /// Public forms.
    Public,
}

impl Caching {
    /// The value of `Cache-Control`.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Private => "private, no-cache",
            Self::Public => "public, max-age=1",
        }
    }
}

/// 200 with the body, or 304 where the client has it.
pub fn answer(
    headers: &HeaderMap,
    tag: &str,
    caching: Caching,
    content_type: &'static str,
    body: Bytes,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(tag) {
        out.insert(header::ETAG, value);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching.value()));
    out.insert(header::VARY, HeaderValue::from_static("Accept, Authorization, Cookie"));
    if none_match(headers, tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.body_mut() = Body::from(body);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn if_none_match_reads_lists_stars_and_weak_tags() {
        let matches = |values: &[&'static str]| none_match(&with(&header::IF_NONE_MATCH, values), "\"12-3-f\"");
        assert!(matches(&["\"12-3-f\""]));
        assert!(matches(&["\"a,b\", W/\"12-3-f\""]));
        assert!(matches(&["\"x\"", "\"12-3-f\""]));
        assert!(matches(&["*"]));
        assert!(!matches(&["\"12-3-p\""]));
        assert!(!matches(&["12-3-f"]));
        assert!(!matches(&[]));
    }

    #[test]
    fn if_match_is_strong_and_takes_full_forms_only() {
        let user = UserId::new(12).unwrap();
        let read = |values: &[&'static str]| IfMatch::of(&with(&header::IF_MATCH, values)).versions(user);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["*"]), None);
        assert_eq!(read(&["\"12-3-f\", \"12-4-f\""]), Some(vec![3, 4]));
        for stale in ["\"12-3-p\"", "W/\"12-3-f\"", "\"13-3-f\"", "nonsense", "\"12-3-fh\"", ""] {
            assert_eq!(read(&[stale]), Some(vec![]), "{stale}");
        }
    }
}
