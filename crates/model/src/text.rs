//! Rules for text that people type: length in characters, no control characters.

use crate::FieldError;

/// Checks a text field and appends what is wrong to `errors`.
///
/// Length counts Unicode scalar values. NUL, control characters (C0, DEL, C1) and the line and paragraph separators are refused:
/// no field of Myriad spans lines.
pub fn check(errors: &mut Vec<FieldError>, pointer: &str, text: &str, min: usize, max: usize) {
    let length = text.chars().count();
    if length < min || length > max {
        errors.push(FieldError::at(pointer, format!("must have {min} to {max} characters, has {length}")));
    }
    if has_control(text) {
        errors.push(FieldError::at(pointer, "must not contain NUL or other control characters"));
    }
}

/// Whether a text contains a character that no single-line field may contain.
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}
