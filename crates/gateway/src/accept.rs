//! Content negotiation (RFC 9110, section 12.5.1) and content types.

use http::{HeaderMap, header};
use model::{Code, Error, Result};

/// What a route can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produces {
    /// JSON.
    Json,
    /// JSON or, where preferred, HTML.
    JsonOrHtml,
    /// HTML.
    Html,
    /// Server-sent events.
    Events,
    /// Bytes of their own type, or nothing: whatever is accepted.
    Any,
}

/// How much `Accept` wants a type, in thousandths; 1000 where there is no `Accept`.
fn quality(headers: &HeaderMap, kind: &str, subtype: &str) -> u16 {
    let mut best: Option<(u8, u16)> = None;
    let mut any = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let Some((range_kind, range_subtype)) = parts.next().and_then(|range| range.split_once('/')) else {
                continue;
            };
            any = true;
            let specificity = match (range_kind, range_subtype) {
                ("*", "*") => 0,
                (wanted, "*") if wanted.eq_ignore_ascii_case(kind) => 1,
                (wanted, sub) if wanted.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 2,
                _ => continue,
            };
            let weight =
                parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))).map_or(1000, weight);
            if best.is_none_or(|(known, _)| specificity > known) {
                best = Some((specificity, weight));
            }
        }
    }
    match best {
        Some((_, weight)) => weight,
        None if any => 0,
        None => 1000,
    }
}

/// `0.8` as 800; nonsense counts as 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
fn weight(text: &str) -> u16 {
    text.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).map_or(1000, |q| (q * 1000.0).round() as u16)
}

/// Whether HTML is preferred to JSON; a tie is JSON's.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    quality(headers, "text", "html") > quality(headers, "application", "json")
}

/// `NOT_ACCEPTABLE` where the route can answer with nothing that is accepted.
pub fn check(headers: &HeaderMap, produces: Produces) -> Result<()> {
    let takes = |kind, subtype| quality(headers, kind, subtype) > 0;
    let (good, offered) = match produces {
        Produces::Any => return Ok(()),
        Produces::Json => (takes("application", "json"), "application/json"),
        Produces::JsonOrHtml => {
            (takes("application", "json") || takes("text", "html"), "application/json or text/html")
        }
        Produces::Html => (takes("text", "html"), "text/html"),
        Produces::Events => (takes("text", "event-stream"), "text/event-stream"),
    };
    if good { Ok(()) } else { Err(Error::new(Code::NotAcceptable, format!("Accept {offered} here."))) }
}

/// The content type's essence in lower case, without parameters.
pub fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next()?.trim().to_ascii_lowercase())
}

/// Whether the body says that it is in another charset than UTF-8.
pub fn foreign_charset(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = text.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accept(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))])
    }

    #[test]
    fn html_is_for_those_who_prefer_it() {
        // R2
        assert!(prefers_html(&accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
        assert!(prefers_html(&accept("text/html")));
        for json in [
            "*/*",
            "application/json",
            "text/html, application/json",
            "text/html;q=0.5,application/json;q=0.5",
            "text/html;q=0, */*",
        ] {
            assert!(!prefers_html(&accept(json)), "{json}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn nothing_acceptable_is_told() {
        let good = |accepted, produces| check(&accept(accepted), produces).is_ok();
        assert!(good("application/*;q=0.1", Produces::Json));
        assert!(good("", Produces::Json));
        assert!(!good("image/png", Produces::Json));
        assert!(!good("application/json;q=0, */*", Produces::Json));
        assert!(good("text/html", Produces::JsonOrHtml));
        assert!(!good("application/json", Produces::Events));
        assert!(good("image/png", Produces::Any));
    }
}
