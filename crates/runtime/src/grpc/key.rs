//! The key by which services know one another: shown with every call, asked for by every server that others can reach.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Result, ensure};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Metadata with the name of the calling service.
pub const CALLER: &str = "x-myriad-caller";
const SCHEME: &str = "Bearer ";
/// As many characters as 128 bits take in hexadecimal.
const SHORTEST: usize = 32;
const FROM_FILE: &str = "file:";

/// The setting `service_key`: a secret of 32 characters or more, the same for all services, or `file:/path` of a file with it.
/// Several with commas between are all accepted and the first is shown, so that a key can be replaced while services run.
/// Never printed.
#[derive(Clone, Default)]
pub struct ServiceKey(Vec<SecretString>);

impl ServiceKey {
    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// What a caller shows.
    pub(super) fn credentials(&self, caller: &'static str) -> Option<Credentials> {
        let shown = format!("{SCHEME}{}", self.0.first()?.expose_secret());
        let mut key = HeaderValue::try_from(shown).ok()?;
        // Not in logs, and not in the compression tables of HTTP/2.
        key.set_sensitive(true);
        Some(Credentials { key, caller: HeaderValue::from_static(caller) })
    }

    /// What a server compares with: hashes, as these are equally long and are compared in constant time.
    pub(super) fn hashes(&self) -> Vec<blake3::Hash> {
        self.0.iter().map(|key| blake3::hash(key.expose_secret().as_bytes())).collect()
    }
}

/// The key that a call shows.
pub(super) fn shown(headers: &HeaderMap) -> Option<blake3::Hash> {
    let key = headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(SCHEME.as_bytes())?;
    Some(blake3::hash(key))
}

impl FromStr for ServiceKey {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let read;
        let text = match text.strip_prefix(FROM_FILE) {
            Some(path) => {
                read = std::fs::read_to_string(path).with_context(|| format!("service_key: cannot read {path}"))?;
                read.as_str()
            }
            None => text,
        };
        let keys: Vec<&str> = text.trim().split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
        for key in &keys {
            let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
            ensure!(
                plain && key.len() >= SHORTEST,
                "service_key: use {SHORTEST} or more plain characters without spaces, such as `openssl rand -hex 32` makes"
            );
        }
        Ok(Self(keys.into_iter().map(SecretString::from).collect()))
    }
}

impl<'de> Deserialize<'de> for ServiceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = SecretString::deserialize(deserializer)?;
        text.expose_secret().parse().map_err(|error| de::Error::custom(format!("{error:#}")))
    }
}

impl Serialize for ServiceKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_set() { "(set)" } else { "" })
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "ServiceKey(set)" } else { "ServiceKey(not set)" })
    }
}

/// What a client shows with every call.
#[derive(Debug)]
pub(super) struct Credentials {
    key: HeaderValue,
    caller: HeaderValue,
}

impl Credentials {
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.key.clone());
        headers.insert(HeaderName::from_static(CALLER), self.caller.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_key_is_read_from_text_or_file_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
        for text in [KEY.to_owned(), format!("file:{}", file.path().display()), format!("{KEY}, {KEY}x")] {
            let key: ServiceKey = serde_json::from_value(text.into()).unwrap();
            let mut headers = HeaderMap::new();
            key.credentials("gateway").unwrap().write(&mut headers);
            assert_eq!(shown(&headers), Some(key.hashes()[0]));
            let said =
                format!("{key:?} {headers:?} {:?} {}", key.credentials("x"), serde_json::to_string(&key).unwrap());
            assert!(!said.contains(KEY), "{said}");
        }
    }

    #[test]
    fn a_key_that_cannot_work_is_refused_without_being_told() {
        for wrong in ["short", "0123456789abcdef 0123456789abcdef", &format!("{KEY},short"), "file:/nowhere/key"] {
            let error = format!("{:#}", wrong.parse::<ServiceKey>().unwrap_err());
            assert!(error.contains("service_key") && !error.contains(KEY) && !error.contains("short,"), "{error}");
        }
        assert!(!"".parse::<ServiceKey>().unwrap().is_set());
        assert!(ServiceKey::default().credentials("gateway").is_none());
    }
}
