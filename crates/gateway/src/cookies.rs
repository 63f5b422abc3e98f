//! The two cookies: who is signed in, and what the client has seen of its own writes.

use http::{HeaderMap, HeaderValue, header};

use crate::config::CookieConfig;

const SESSION_MAX_AGE_S: u32 = 30 * 24 * 60 * 60;
/// A replica is never this far behind, so an older token says nothing.
const SEEN_MAX_AGE_S: u32 = 60 * 60;

/// Names and attributes as configured.
#[derive(Debug, Clone, Copy)]
pub struct Cookies {
    session: &'static str,
    seen: &'static str,
    secure: &'static str,
}

impl Cookies {
    /// As configured.
    pub fn new(config: &CookieConfig) -> Self {
        if config.plain {
            Self { session: "myriad", seen: "myriad-seen", secure: "" }
        } else {
            Self { session: "__Host-myriad", seen: "__Host-myriad-seen", secure: "; Secure" }
        }
    }

    /// The token sent as a cookie, if any.
    pub fn session<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        find(headers, self.session).filter(|value| !value.is_empty())
    }

    /// The consistency token sent as a cookie, if any.
    pub fn seen<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        find(headers, self.seen)
    }

    /// Sets the session cookie.
    pub fn set_session(&self, token: &str) -> Option<HeaderValue> {
        self.set(self.session, token, SESSION_MAX_AGE_S)
    }

    /// Takes the session cookie away.
    pub fn clear_session(&self) -> Option<HeaderValue> {
        self.set(self.session, "", 0)
    }

    /// Sets the consistency cookie.
    pub fn set_seen(&self, token: &str) -> Option<HeaderValue> {
        self.set(self.seen, token, SEEN_MAX_AGE_S)
    }

    fn set(&self, name: &str, value: &str, max_age_s: u32) -> Option<HeaderValue> {
        let text = format!("{name}={value}; Path=/; HttpOnly{}; SameSite=Lax; Max-Age={max_age_s}", self.secure);
        HeaderValue::from_str(&text).ok()
    }
}

fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get_all(header::COOKIE).iter().find_map(|line| {
        let pairs = line.to_str().ok()?.split(';');
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_written_as_the_contract_says() {
        let cookies = Cookies::new(&CookieConfig::default());
        assert_eq!(
            cookies.set_session("t").unwrap(),
            "__Host-myriad=t; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=2592000"
        );
        assert_eq!(
            cookies.clear_session().unwrap(),
            "__Host-myriad=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0"
        );
        let plain = Cookies::new(&CookieConfig { plain: true });
        assert_eq!(plain.set_session("t").unwrap(), "myriad=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let cookies = Cookies::new(&CookieConfig::default());
        let headers = HeaderMap::from_iter([
            (header::COOKIE, HeaderValue::from_static("a=b; x__Host-myriad=no")),
            (header::COOKIE, HeaderValue::from_static("__Host-myriad-seen=s;  __Host-myriad=t=1")),
        ]);
        assert_eq!(cookies.session(&headers), Some("t=1"));
        assert_eq!(cookies.seen(&headers), Some("s"));
        assert_eq!(cookies.session(&HeaderMap::new()), None);
    }
}
