//! Reads the fields of a JSON object one by one and collects everything that is wrong, so that one answer tells it all.

use model::{FieldError, profile::PostalCode, text};
use serde_json::{Map, Value};

use crate::json::escape;

/// An object being read. `at` is its JSON pointer.
pub struct Fields<'v> {
    object: &'v Map<String, Value>,
    at: String,
    known: Vec<&'static str>,
    /// What is wrong so far.
    pub errors: Vec<FieldError>,
}

impl<'v> Fields<'v> {
    /// The object at a pointer, or an error that it is none.
    pub fn of(value: &'v Value, at: &str) -> Result<Self, FieldError> {
        match value {
            Value::Object(object) => Ok(Self { object, at: at.to_owned(), known: Vec::new(), errors: Vec::new() }),
            _ => Err(FieldError::at(at, "must be an object")),
        }
    }

    /// The pointer of a field.
    pub fn pointer(&self, key: &str) -> String {
        format!("{}/{}", self.at, escape(key))
    }

    /// Notes an error at a field.
    pub fn wrong(&mut self, key: &str, detail: impl Into<String>) {
        let pointer = self.pointer(key);
        self.errors.push(FieldError::at(pointer, detail));
    }

    /// The value of a field, `null` included.
    pub fn value(&mut self, key: &'static str) -> Option<&'v Value> {
        self.known.push(key);
        self.object.get(key)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, key: &'static str) -> Option<&'v str> {
        match self.value(key) {
            Some(Value::String(text)) => Some(text),
            None => {
                self.wrong(key, "is missing");
                None
            }
            Some(_) => {
                self.wrong(key, "must be a string");
                None
            }
        }
    }

    /// A text that may be left out but not be null.
    pub fn optional_text(&mut self, key: &'static str) -> Option<&'v str> {
        if self.object.contains_key(key) { self.required_text(key) } else { self.value(key).and_then(Value::as_str) }
    }

    /// An array of texts that may be left out. What is no text is noted and stands as an empty one: the others keep their places.
    pub fn optional_texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let Value::Array(items) = self.value(key)? else {
            self.wrong(key, "must be an array of strings");
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            texts.push(item.as_str().unwrap_or_default().to_owned());
            if !item.is_string() {
                let pointer = format!("{}/{index}", self.pointer(key));
                self.errors.push(FieldError::at(pointer, "must be a string"));
            }
        }
        Some(texts)
    }

    /// A secret: a text whose characters all count, but none of which is a control character.
    pub fn required_secret(&mut self, key: &'static str) -> Option<&'v str> {
        let secret = self.required_text(key)?;
        if text::has_control(secret) {
            self.wrong(key, "must not contain NUL or other control characters");
            return None;
        }
        Some(secret)
    }

    /// Ends the reading: every field nobody asked for is an error.
    pub fn finish(mut self) -> Vec<FieldError> {
        for key in self.object.keys() {
            if !self.known.contains(&key.as_str()) {
                let shown = self.pointer(key);
                self.errors.push(FieldError::at(shown, "is not a field here; leave it out"));
            }
        }
        self.errors
    }
}

/// Adds errors of rules to those of the reading: one a place, the first.
pub fn add(errors: &mut Vec<FieldError>, more: Vec<FieldError>) {
    for error in more {
        if errors.iter().all(|known| known.location != error.location) {
            errors.push(error);
        }
    }
}

/// A postal code: text, or a whole number from 0 to 2^53 − 1 kept as its digits.
pub fn postal_code(value: &Value) -> Result<PostalCode, &'static str> {
    const WRONG: &str = "must be a string, or a whole number from 0 to 9007199254740991";
    match value {
        Value::String(text) => Ok(PostalCode(text.clone())),
        Value::Number(number) => {
            // Whole numbers written with a point or an exponent come as integers from the reader.
            let whole = number.as_u64().filter(|whole| *whole < model::id::USER_ID_LIMIT).ok_or(WRONG)?;
            Ok(PostalCode(whole.to_string()))
        }
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_comes_at_once() {
        let value = json!({"a": 1, "b/c": 2, "list": ["x", 3], "secret": "a\u{0}b"});
        let mut fields = Fields::of(&value, "/at").unwrap();
        assert_eq!(fields.required_text("a"), None);
        assert_eq!(fields.required_text("missing"), None);
        assert_eq!(fields.optional_text("other"), None);
        assert_eq!(fields.optional_texts("list").unwrap(), ["x", ""]);
        assert_eq!(fields.required_secret("secret"), None);
        let errors = fields.finish();
        let expected = ["/at/a", "/at/missing", "/at/list/1", "/at/secret", "/at/b~1c"]
            .map(|pointer| model::Location::Pointer(pointer.into()));
        assert_eq!(errors.into_iter().map(|error| error.location).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn postal_codes_are_text_or_whole_numbers() {
        // R4
        let read = |value: Value| postal_code(&value).map(|code| code.0).ok();
        assert_eq!(read(json!("02134")).as_deref(), Some("02134"));
        assert_eq!(read(json!(10021)).as_deref(), Some("10021"));
        assert_eq!(read(json!(9_007_199_254_740_991_u64)).as_deref(), Some("9007199254740991"));
        for wrong in
            [json!(9_007_199_254_740_992_u64), json!(-1), json!(1.5), json!(1e300), json!(null), json!([]), json!(true)]
        {
            assert_eq!(read(wrong), None);
        }
    }
}
