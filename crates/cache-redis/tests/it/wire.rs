//! The bytes in Redis and on the channel are the same in every release, or are told apart.

use bytes::Bytes;
use cache::{Entry, State};
use cache_redis::wire;
use proptest::prelude::*;

use crate::bytes;

#[test]
fn the_format_is_what_it_was() {
    let value = Entry { version: 0x0102_0304_0506_0708, state: State::Value(bytes("john")) };
    assert_eq!(&wire::encode(&value)[..], b"\x01\x01\x02\x03\x04\x05\x06\x07\x08\x01john");
    let stale = Entry { version: 7, state: State::Stale };
    assert_eq!(&wire::encode(&stale)[..], b"\x01\0\0\0\0\0\0\0\x07\x00");
    let gone = Entry { version: u64::MAX, state: State::Gone };
    assert_eq!(&wire::encode(&gone)[..], b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    assert_eq!(&wire::encode_message("user:12", &gone)[..], b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x02user:12");
    let told = wire::encode_message("user:12", &Entry { version: 7, state: State::Value(bytes("john")) });
    assert_eq!(&told[..], b"\x01\0\0\0\0\0\0\0\x07\x00user:12", "of a value only the version is told");
}

#[test]
fn what_is_of_another_release_is_a_miss() {
    for foreign in
        [&b""[..], b"\x01", b"\x01\0\0\0\0\0\0\0\x07", b"\x02\0\0\0\0\0\0\0\x07\x01john", b"\x01\0\0\0\0\0\0\0\x07\x03"]
    {
        assert_eq!(wire::decode(Bytes::from_static(foreign)), None, "{foreign:?}");
        assert_eq!(wire::decode_message(foreign), None, "{foreign:?}");
    }
    assert_eq!(wire::decode_message(b"\x01\0\0\0\0\0\0\0\x07\x00\xff\xff"), None, "a key is text");
}

proptest! {
    #[test]
    fn every_entry_comes_back(version: u64, value in proptest::option::of(prop::collection::vec(any::<u8>(), 0..200)), gone: bool) {
        let state = match value {
            Some(value) => State::Value(Bytes::from(value)),
            None if gone => State::Gone,
            None => State::Stale,
        };
        let entry = Entry { version, state };
        prop_assert_eq!(wire::decode(wire::encode(&entry)), Some(entry));
    }

    #[test]
    fn no_bytes_make_it_panic(junk in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = wire::decode_message(&junk);
        let _ = wire::decode(Bytes::from(junk));
    }
}
