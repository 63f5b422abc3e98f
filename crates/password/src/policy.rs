//! Which passwords are taken: 8 to 256 characters, all of them counting, and none of the well-known ones.
//!
//! No rules about kinds of characters: they make passwords worse (NIST SP 800-63B, 3.1.1.2). The list of well-known ones is the
//! part with 8 or more characters of zxcvbn's thirty thousand most common passwords (MIT licence, see the README), in lower case and
//! in the order of its bytes, so that it is searched where it lies.

use std::cmp::Ordering;

use model::{Code, FieldError};

/// The shortest password, in Unicode scalar values.
pub const MIN_CHARS: usize = 8;
/// The longest password, in Unicode scalar values.
pub const MAX_CHARS: usize = 256;

static COMMON: &str = include_str!("common.txt");

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Fewer than 8 characters.
    #[error("must have at least 8 characters")]
    TooShort,
    /// More than 256 characters.
    #[error("must have at most 256 characters")]
    TooLong,
    /// One of the passwords that are tried first.
    #[error("is one of the most common passwords: choose another")]
    Common,
}

impl Weak {
    /// The public error, with the field's JSON pointer, such as `/password`.
    pub fn at(self, pointer: &str) -> model::Error {
        let mut error = model::Error::from(self);
        error.fields.push(FieldError::at(pointer, self.to_string()));
        error
    }
}

impl From<Weak> for model::Error {
    fn from(weak: Weak) -> Self {
        Self::new(Code::WeakPassword, format!("The password {weak}."))
    }
}

/// Whether a new password is taken.
pub fn check(password: &str) -> Result<(), Weak> {
    match password.chars().count() {
        ..MIN_CHARS => Err(Weak::TooShort),
        MIN_CHARS..=MAX_CHARS if is_common(&password.to_lowercase()) => Err(Weak::Common),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(Weak::TooLong),
    }
}

/// Binary search over the lines of the list.
fn is_common(wanted: &str) -> bool {
    let (mut low, mut high) = (0, COMMON.len());
    while low < high {
        let middle = low.midpoint(high);
        let start = COMMON.as_bytes()[..middle].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end =
            COMMON.as_bytes()[middle..].iter().position(|&byte| byte == b'\n').map_or(COMMON.len(), |at| middle + at);
        match COMMON[start..end].cmp(wanted) {
            Ordering::Equal => return true,
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_found() {
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.len() > 10_000);
        assert!(lines.is_sorted());
        for line in lines {
            assert!(is_common(line), "{line}");
            assert_eq!(line, line.to_lowercase());
            assert!((MIN_CHARS..=MAX_CHARS).contains(&line.chars().count()), "{line}");
        }
        for other in ["", "\n", "correct horse battery staple", "zzzzzzzzzzzzzz", "!", "passwor", "password\npassword"]
        {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        for common in ["password", "PassWord", "12345678", "QWERTYUIOP", "iloveyou"] {
            assert_eq!(check(common), Err(Weak::Common), "{common}");
        }
        assert_eq!(check("password-"), Ok(()));
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(check("äöüßéè1"), Err(Weak::TooShort));
        assert_eq!(check("äöüßéè12"), Ok(()));
        assert_eq!(check("        "), Ok(()));
        assert_eq!(check(&"🦀".repeat(MAX_CHARS)), Ok(()));
        assert_eq!(check(&"a".repeat(MAX_CHARS + 1)), Err(Weak::TooLong));
    }

    #[test]
    fn the_public_error_names_the_field() {
        let error = Weak::TooShort.at("/newPassword");
        assert_eq!(error.code, Code::WeakPassword);
        assert_eq!(error.fields, [FieldError::at("/newPassword", "must have at least 8 characters")]);
    }
}
