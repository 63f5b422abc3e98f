//! Which passwords are taken: 8 to 256 characters, all of them counting, and none that is tried first: not a well-known one, not one
//! character repeated, not a plain run such as `abcdefgh` or `87654321`, not the user's own e-mail address or its part before the `@`.
//!
//! No rules about kinds of characters: they make passwords worse (NIST SP 800-63B, 3.1.1.2). The list of well-known ones is the
//! part with 8 or more characters of zxcvbn's thirty thousand most common passwords (MIT licence, see the README), in lower case and
//! in the order of its bytes, so that it is searched where it lies.

use std::cmp::Ordering;

use model::{Code, EmailAddress, FieldError};

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
    /// The same step from each character to the next: none, one up or one down.
    #[error("is one character again and again, or a plain run of characters: choose another")]
    Plain,
    /// The user's e-mail address, or its part before the `@`.
    #[error("is your e-mail address or a part of it: choose another")]
    Email,
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

/// Whether a new password is taken, for the user with this e-mail address where it is known.
pub fn check(password: &str, email: Option<&EmailAddress>) -> Result<(), Weak> {
    match password.chars().count() {
        ..MIN_CHARS => return Err(Weak::TooShort),
        MIN_CHARS..=MAX_CHARS => {}
        _ => return Err(Weak::TooLong),
    }
    let password = password.to_lowercase();
    if is_common(&password) {
        Err(Weak::Common)
    } else if is_plain(&password) {
        Err(Weak::Plain)
    } else if email.is_some_and(|email| is_of(email.given(), &password) || is_of(email.normal(), &password)) {
        Err(Weak::Email)
    } else {
        Ok(())
    }
}

fn is_plain(password: &str) -> bool {
    let codes: Vec<i64> = password.chars().map(|c| u32::from(c).into()).collect();
    [0, 1, -1].iter().any(|step| codes.windows(2).all(|pair| pair[1] - pair[0] == *step))
}

/// Whether a password in lower case is an address or its local part.
fn is_of(address: &str, password: &str) -> bool {
    let address = address.to_lowercase();
    address == password || address.rsplit_once('@').is_some_and(|(local, _)| local == password)
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
            assert_eq!(check(common, None), Err(Weak::Common), "{common}");
        }
        assert_eq!(check("password-", None), Ok(()));
    }

    #[test]
    fn one_character_repeated_and_plain_runs_are_refused() {
        let spaces = " ".repeat(8);
        let crabs = "🦀".repeat(MAX_CHARS);
        for plain in ["zzzzzzzzzzzz", &spaces, &crabs, "bcdefghij", "BcdEfgHij", "98765432", "ihgfedcb", "абвгдежз"]
        {
            assert_eq!(check(plain, None), Err(Weak::Plain), "{plain}");
        }
        for other in ["aaaaaaab", "abcdefgi", "acegikmo", "abcdefg abcdefg"] {
            assert_eq!(check(other, None), Ok(()), "{other}");
        }
    }

    #[test]
    fn the_users_own_address_is_refused() {
        let email = EmailAddress::parse("John.Smith@Bücher.example").unwrap();
        for own in ["john.smith@bücher.example", "JOHN.SMITH@xn--bcher-kva.example", "John.Smith"] {
            assert_eq!(check(own, Some(&email)), Err(Weak::Email), "{own}");
            assert_eq!(check(own, None), Ok(()), "{own}");
        }
        assert_eq!(check("john.smith@other.example", Some(&email)), Ok(()));
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(check("äöüßéè1", None), Err(Weak::TooShort));
        assert_eq!(check("äöüßéè12", None), Ok(()));
        assert_eq!(check(&"🦀🐌".repeat(MAX_CHARS / 2), None), Ok(()));
        assert_eq!(check(&"ab".repeat(MAX_CHARS / 2 + 1), None), Err(Weak::TooLong));
    }

    #[test]
    fn the_public_error_names_the_field() {
        let error = Weak::TooShort.at("/newPassword");
        assert_eq!(error.code, Code::WeakPassword);
        assert_eq!(error.fields, [FieldError::at("/newPassword", "must have at least 8 characters")]);
    }
}
