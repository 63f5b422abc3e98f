//! What is a token of ours and what is not.

use model::{Code, Error, SessionId, UserId};
use proptest::prelude::*;
use token::{Keys, ParseError, Refused, TOKEN_CHARS};

const OLD: &str = "1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "2:1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100";
// Computed by another implementation of BLAKE3 (see the README). A change here would sign everybody out.
const GOLDEN: &str = "AQEAAAAAAAAADDAxMjM0NTY3ODlhYmNkZWamvHPa1UhpUAI9Ud5G-OPW";

fn keys(text: &str) -> Keys {
    text.parse().unwrap()
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

#[test]
fn a_token_has_one_golden_spelling() {
    let keys = keys(OLD);
    let session = SessionId(*b"0123456789abcdef");
    assert_eq!(keys.mint(user(12), session).expose(), GOLDEN);
    assert_eq!(keys.verify(GOLDEN), Ok((user(12), session)));
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let (before, during) = (keys(OLD), keys(&format!("{NEW},{OLD}")));
    let session = SessionId([9; 16]);
    let old = before.mint(user(7), session);
    let new = during.mint(user(7), session);
    assert_eq!(during.verify(old.expose()), Ok((user(7), session)));
    assert_eq!(during.verify(new.expose()), Ok((user(7), session)));
    assert_eq!(before.verify(new.expose()), Err(Refused));
    assert_eq!(keys(NEW).verify(old.expose()), Err(Refused));
}

#[test]
fn a_key_id_does_not_vouch_for_another_key() {
    let session = SessionId([9; 16]);
    let other = OLD.replacen("1:", "2:", 1);
    let forged = keys(&other).mint(user(7), session);
    assert_eq!(keys(NEW).verify(forged.expose()), Err(Refused));
}

#[test]
fn a_refused_token_is_unauthenticated() {
    assert_eq!(Error::from(Refused).code, Code::Unauthenticated);
}

#[test]
fn neither_keys_nor_tokens_are_ever_printed() {
    let keys = keys(&format!("{NEW}\n{OLD}"));
    let token = keys.mint(user(12), SessionId([1; 16]));
    assert_eq!(format!("{keys:?} {token:?}"), "Keys([2, 1]) Token(…)");
}

#[test]
fn text_that_is_no_list_of_keys_is_refused_without_showing_it() {
    let parse = |text: &str| text.parse::<Keys>().map(|_| ()).unwrap_err();
    assert_eq!(parse("  \n# nothing\n"), ParseError::Empty);
    assert_eq!(parse("1:abc"), ParseError::Malformed(1));
    assert_eq!(parse(&format!("{OLD},{NEW}0")), ParseError::Malformed(2));
    assert_eq!(parse(&OLD.replacen("1:", "256:", 1)), ParseError::Malformed(1));
    assert_eq!(parse(&OLD.replacen("00", "0g", 1)), ParseError::Malformed(1));
    assert_eq!(parse(&format!("{OLD},{OLD}")), ParseError::Twice(1));
}

#[test]
fn derived_keys_differ_by_purpose_and_stay_the_same() {
    let keys = keys(OLD);
    assert_eq!(keys.derive("one"), keys.derive("one"));
    assert_ne!(keys.derive("one"), keys.derive("two"));
}

proptest! {
    #[test]
    fn what_was_minted_is_verified(id in 1..(1_u64 << 53), session: [u8; 16]) {
        let keys = keys(OLD);
        let token = keys.mint(user(id), SessionId(session));
        prop_assert_eq!(token.expose().len(), TOKEN_CHARS);
        prop_assert_eq!(keys.verify(token.expose()), Ok((user(id), SessionId(session))));
    }

    #[test]
    fn any_other_text_is_refused(id in 1..(1_u64 << 53), session: [u8; 16], at in 0..TOKEN_CHARS, bit in 0..8_u32, junk in ".{0,80}") {
        let keys = keys(OLD);
        let token = keys.mint(user(id), SessionId(session));
        let whole = token.expose();
        let mut bytes = whole.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        if let Ok(flipped) = String::from_utf8(bytes) {
            prop_assert_eq!(keys.verify(&flipped), Err(Refused));
        }
        prop_assert_eq!(keys.verify(&whole[..at]), Err(Refused));
        prop_assert_eq!(keys.verify(&whole[at + 1..]), Err(Refused));
        let (longer, padded) = (format!("{whole}A"), format!("{whole}="));
        prop_assert_eq!(keys.verify(&longer), Err(Refused));
        prop_assert_eq!(keys.verify(&padded), Err(Refused));
        prop_assert_eq!(keys.verify(&junk), Err(Refused));
    }
}
