//! A strict reader of JSON: UTF-8, at most 32 levels, no key twice.

use std::{cell::RefCell, fmt};

use model::{Code, Error, FieldError, Location, Result};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects.
const DEPTH_MAX: usize = 32;

/// Reads a document. `MALFORMED` where it is none; `INVALID_INPUT` where a number is beyond every range.
pub fn read(bytes: &[u8]) -> Result<Value> {
    let malformed =
        |what: String| Error::new(Code::Malformed, format!("Send a body that is valid JSON in UTF-8: {what}"));
    let text =
        std::str::from_utf8(bytes).map_err(|error| malformed(format!("byte {} is no UTF-8.", error.valid_up_to())))?;
    let path = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let numbers = RefCell::new(Numbers(text));
    let value = Strict { path: &path, numbers: &numbers }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        let said = error.to_string();
        if said.starts_with("number out of range") {
            let pointer = path.borrow().iter().fold(String::new(), |pointer, part| pointer + "/" + part);
            return Error::invalid(vec![FieldError {
                location: Location::Pointer(pointer),
                detail: "is a number out of range".into(),
            }]);
        }
        malformed(format!("{said}."))
    })
}

/// Escapes a key for use in a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The numbers of a document as they are written, in their order.
struct Numbers<'t>(&'t str);

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let start = self.0.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            let text = &self.0[start..];
            if let Some(string) = text.strip_prefix('"') {
                let mut escaped = false;
                let end = string.bytes().position(|byte| {
                    let ends = byte == b'"' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    ends
                })?;
                self.0 = &string[end + 1..];
            } else {
                let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(text.len());
                self.0 = &text[end..];
                return Some(&text[..end]);
            }
        }
    }
}

/// The value of a number with a point or an exponent, where it is whole: `10021.0` and `1e3` are, to the last digit.
fn whole(number: &str) -> Option<u64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (units, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let (minus, units) = units.strip_prefix('-').map_or((false, units), |units| (true, units));
    let digits: u64 = format!("{units}{fraction}").parse().ok()?;
    if digits == 0 || minus {
        return (digits == 0).then_some(0);
    }
    let shift = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let unit = 10_u64.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { digits.checked_mul(unit) } else { digits.is_multiple_of(unit).then_some(digits / unit) }
}

/// `path` is where the reader is: keys and indexes, escaped. It is left as it was where the reading stops with an error.
#[derive(Clone, Copy)]
struct Strict<'p> {
    path: &'p RefCell<Vec<String>>,
    numbers: &'p RefCell<Numbers<'p>>,
}

impl<'p> Strict<'p> {
    fn enter<E: serde::de::Error>(self, part: String) -> std::result::Result<(), E> {
        let mut path = self.path.borrow_mut();
        path.push(part);
        if path.len() > DEPTH_MAX {
            Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
        } else {
            Ok(())
        }
    }

    fn set(self, part: String) {
        if let Some(last) = self.path.borrow_mut().last_mut() {
            *last = part;
        }
    }

    /// The number just read, as it is written.
    fn number(self) -> Option<&'p str> {
        self.numbers.borrow_mut().next()
    }

    fn leave(self) {
        self.path.borrow_mut().pop();
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        self.number();
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        self.number();
        Ok(Value::Number(value.into()))
    }

    /// A double has lost what made a long number whole or not, so a whole number is read from the text.
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Value, E> {
        if let Some(whole) = self.number().and_then(whole) {
            return Ok(Value::Number(whole.into()));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        self.enter(String::from("0"))?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
            self.set(items.len().to_string());
        }
        self.leave();
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        self.enter(String::new())?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            self.set(escape(&key));
            let value = map.next_value_seed(self)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("an object has a key twice"));
            }
        }
        self.leave();
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &[u8]) -> Option<Code> {
        read(text).err().map(|error| error.code)
    }

    #[test]
    fn good_documents_are_read() {
        assert_eq!(
            read(br#" {"a":[1,-2,1.5,"x",null,true,{}]} "#).unwrap(),
            serde_json::json!({"a":[1,-2,1.5,"x",null,true,{}]})
        );
        let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(read(deep.as_bytes()).is_ok());
    }

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        let text = r#"{"-1\"2\\":[3,"4.0",5.0,-6,7.50e1],"8":900719925474099.1E+1,"9":[1.0e0000,-0.0,0e99,12e-1,-2.0,10.00000000000000000001]}"#;
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            serde_json::json!({"-1\"2\\":[3,"4.0",5,-6,75],"8":9_007_199_254_740_991_u64,"9":[1,0,0,1.2,-2.0,10.0]})
        );
        for number in ["1e", "1.5", "-1.0", "99999999999999999999.0", "1e20", "1e99999999999", "1.5e-9", "10e-2"] {
            assert_eq!(whole(number), None, "{number}");
        }
    }

    #[test]
    fn malformed_documents_are_refused() {
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        let very_deep = "[".repeat(60_000);
        let cases: &[&[u8]] = &[
            b"",
            b" ",
            b"{",
            b"{}x",
            b"{} {}",
            b"{'a':1}",
            b"{a:1}",
            b"[1,]",
            b"NaN",
            b"[Infinity]",
            b"01",
            b"\xff",
            b"\"\xc3\"",
            b"\"\x01\"",
            b"\"\\ud800\"",
            br#"{"a":1,"a":2}"#,
            br#"{"a":1,"\u0061":2}"#,
            br#"{"x":{"a":1,"a":1}}"#,
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
            very_deep.as_bytes(),
        ];
        for case in cases {
            assert_eq!(code(case), Some(Code::Malformed), "{}", String::from_utf8_lossy(&case[..case.len().min(40)]));
        }
    }

    #[test]
    fn a_number_out_of_range_is_pointed_at() {
        let error = read(br#"{"a/b":[0,{"c":1e999}]}"#).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput);
        assert_eq!(error.fields[0].location, Location::Pointer("/a~1b/1/c".into()));
    }
}
