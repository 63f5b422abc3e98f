//! `Idempotency-Key`: the header, and the keyed prints by which services recognise a repeated request.
//!
//! Prints are keyed so that a stolen table of them tells nothing about bodies, which hold passwords.

use http::HeaderMap;
use model::{Error, FieldError, Location, Result};

/// The header.
pub const HEADER: &str = "idempotency-key";
const KEY_MAX: usize = 255;

/// The key sent, if any: 1 to 255 visible ASCII characters.
pub fn key(headers: &HeaderMap) -> Result<Option<&str>> {
    let wrong = |detail: &str| {
        let location = Location::Header("Idempotency-Key".into());
        Error::invalid(vec![FieldError { location, detail: detail.into() }])
    };
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("must be sent once"));
    }
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > KEY_MAX || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(wrong("must have 1 to 255 visible ASCII characters"));
    }
    Ok(value.to_str().ok())
}

/// Makes prints.
#[derive(Clone)]
pub struct Prints {
    key: [u8; 32],
}

impl Prints {
    /// With a key of its own.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The print of parts: equal only for the same parts in the same order, cut in the same places.
    pub fn of<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// What goes with a request to a service: prints of the key (within caller, method and path) and of the body.
    pub fn wire(
        &self,
        caller: &str,
        method: &str,
        path: &str,
        key: &str,
        body: &[&[u8]],
    ) -> api::user::v1::Idempotency {
        let key_hash =
            self.of([b"key".as_slice(), caller.as_bytes(), method.as_bytes(), path.as_bytes(), key.as_bytes()]);
        let request_hash = self.of([b"body".as_slice()].into_iter().chain(body.iter().copied()));
        api::user::v1::Idempotency { key_hash: key_hash.to_vec(), request_hash: request_hash.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_visible_ascii_and_come_once() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
            }
            key(&headers).map(|key| key.map(str::to_owned)).map_err(|error| error.fields.len())
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"a-1!~"]), Ok(Some("a-1!~".into())));
        let long = [b'a'; 256];
        let wrong: [&[&[u8]]; 6] = [&[b""], &[b"a b"], &[b"\xc3\xa9"], &[&long], &[b"a", b"a"], &[b"a\tb"]];
        for wrong in wrong {
            assert_eq!(read(wrong), Err(1));
        }
    }

    #[test]
    fn prints_depend_on_every_part() {
        let prints = Prints::new([1; 32]);
        let wire = |caller, path, key, body: &[u8]| prints.wire(caller, "POST", path, key, &[body]);
        let base = wire("anyone", "/v1/users", "k", b"{}");
        assert_eq!(base, wire("anyone", "/v1/users", "k", b"{}"));
        assert_eq!(base.key_hash, wire("anyone", "/v1/users", "k", b"{ }").key_hash);
        assert_ne!(base.request_hash, wire("anyone", "/v1/users", "k", b"{ }").request_hash);
        assert_ne!(base.key_hash, wire("12", "/v1/users", "k", b"{}").key_hash);
        assert_ne!(base.key_hash, wire("anyone", "/v1/sessions", "k", b"{}").key_hash);
        assert_ne!(prints.of([b"ab".as_slice(), b"c"]), prints.of([b"a".as_slice(), b"bc"]));
    }
}
