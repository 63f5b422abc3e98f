//! The key of a changed row as bytes in the change log: a tag and the value for each key column after the bucket.

use crate::{Error, Result, Value};

const INT: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;

/// Encodes key columns: `1` and eight bytes big-endian, or `2`/`3`, a length of four bytes big-endian and the bytes.
///
/// Errors: `Fault` for a null, which no key holds.
pub fn encode(key: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(key.len() * 24);
    for value in key {
        match value {
            Value::Int(Some(int)) => {
                bytes.push(INT);
                bytes.extend(int.to_be_bytes());
            }
            Value::Text(Some(text)) => push(&mut bytes, TEXT, text.as_bytes())?,
            Value::Blob(Some(blob)) => push(&mut bytes, BLOB, blob)?,
            _ => return Err(Error::Fault("a key column is null".to_owned())),
        }
    }
    Ok(bytes)
}

fn push(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) -> Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| Error::Fault("a key column is too long".to_owned()))?;
    bytes.push(tag);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    Ok(())
}

/// Decodes what `encode` made. Errors: `Corrupt`.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>> {
    decode_or_none(bytes).ok_or_else(|| Error::Corrupt("a key in the change log cannot be read".to_owned()))
}

fn decode_or_none(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut key = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        if *tag == INT {
            let (int, rest) = rest.split_first_chunk()?;
            key.push(Value::from(i64::from_be_bytes(*int)));
            bytes = rest;
            continue;
        }
        let (length, rest) = rest.split_first_chunk()?;
        let (content, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        key.push(match *tag {
            TEXT => Value::from(std::str::from_utf8(content).ok()?),
            BLOB => Value::from(content),
            _ => return None,
        });
        bytes = rest;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn keys_survive_the_round_trip(key in prop::collection::vec(value(), 0..5)) {
            prop_assert_eq!(decode(&encode(&key).unwrap()).unwrap(), key);
        }

        #[test]
        fn keys_that_differ_are_encoded_differently(
            one in prop::collection::vec(value(), 0..4),
            other in prop::collection::vec(value(), 0..4),
        ) {
            prop_assert_eq!(one == other, encode(&one).unwrap() == encode(&other).unwrap());
        }

        #[test]
        fn no_bytes_make_the_reader_fall(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
