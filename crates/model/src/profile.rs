//! Users and their profiles.

use crate::{EmailAddress, FieldError, UserId, text};

/// Longest first or last name, in characters.
pub const NAME_MAX: usize = 100;
/// Longest street, city or state, in characters.
pub const ADDRESS_PART_MAX: usize = 200;
/// Longest postal code, in characters.
pub const POSTAL_CODE_MAX: usize = 20;
/// Most phone numbers.
pub const PHONES_MAX: usize = 20;
/// Longest phone number, in characters.
pub const PHONE_MAX: usize = 40;

/// What a user may do beyond their own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Their own account only.
    User,
    /// Everybody's.
    Admin,
}

/// A postal code: text kept as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostalCode(pub String);

impl PostalCode {
    /// The number to show in JSON where nothing is lost by it: the text is `0` or `[1-9][0-9]*` in ASCII, below 2^53.
    /// `02134` and `SW1A 1AA` stay text.
    pub fn as_number(&self) -> Option<u64> {
        let text = self.0.as_str();
        let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
        if !canonical {
            return None;
        }
        text.parse().ok().filter(|number| *number < crate::id::USER_ID_LIMIT)
    }
}

/// A postal address; any field may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// Street and number.
    pub street_address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<PostalCode>,
}

/// The picture worn by a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfilePicture {
    /// The image.
    pub image_id: crate::ImageId,
    /// Its variant.
    pub variant: String,
    /// The variant's object key below `media/`.
    pub key: String,
    /// Rises with every change of the picture.
    pub version: u64,
}

/// A user, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Rises by one with every change.
    pub version: u64,
    /// As given.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Postal address.
    pub address: Option<Address>,
    /// Phone numbers in the order given.
    pub phone_numbers: Vec<String>,
    /// The picture worn.
    pub picture: Option<ProfilePicture>,
    /// Role; not part of the public object.
    pub role: Role,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// Milliseconds since 1970.
    pub updated_at_ms: i64,
}

/// What a sign-up brings, the password apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Valid by construction.
    pub email: EmailAddress,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Postal address.
    pub address: Option<Address>,
    /// Phone numbers.
    pub phone_numbers: Vec<String>,
}

impl NewUser {
    /// Everything wrong with the fields.
    pub fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_name(&mut errors, "/firstName", &self.first_name);
        check_name(&mut errors, "/lastName", &self.last_name);
        if let Some(address) = &self.address {
            check_address(&mut errors, address);
        }
        check_phones(&mut errors, &self.phone_numbers);
        errors
    }
}

/// A change to one field that may be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Stays as it is.
    #[default]
    Keep,
    /// Becomes nothing.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<T: Clone> Patch<T> {
    /// The value after the change.
    pub fn apply(&self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// A merge patch (RFC 7396) of the address's fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPatch {
    /// Street and number.
    pub street_address: Patch<String>,
    /// City.
    pub city: Patch<String>,
    /// State or province.
    pub state: Patch<String>,
    /// Postal code.
    pub postal_code: Patch<PostalCode>,
}

/// A merge patch of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfilePatch {
    /// First name; cannot be taken away.
    pub first_name: Option<String>,
    /// Last name; cannot be taken away.
    pub last_name: Option<String>,
    /// E-mail; cannot be taken away.
    pub email: Option<EmailAddress>,
    /// `Clear` sets the whole address to null; `Set` merges.
    pub address: Patch<AddressPatch>,
    /// Replaces all numbers.
    pub phone_numbers: Option<Vec<String>>,
}

impl ProfilePatch {
    /// Everything wrong with the fields.
    pub fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let Some(name) = &self.first_name {
            check_name(&mut errors, "/firstName", name);
        }
        if let Some(name) = &self.last_name {
            check_name(&mut errors, "/lastName", name);
        }
        if let Patch::Set(patch) = &self.address {
            check_address(&mut errors, &merge_address(None, patch));
        }
        if let Some(phones) = &self.phone_numbers {
            check_phones(&mut errors, phones);
        }
        errors
    }

    /// Applies all but the e-mail. Version and times are the caller's.
    pub fn apply(&self, user: &mut User) {
        if let Some(name) = &self.first_name {
            user.first_name.clone_from(name);
        }
        if let Some(name) = &self.last_name {
            user.last_name.clone_from(name);
        }
        match &self.address {
            Patch::Keep => {}
            Patch::Clear => user.address = None,
            Patch::Set(patch) => user.address = Some(merge_address(user.address.take(), patch)),
        }
        if let Some(phones) = &self.phone_numbers {
            user.phone_numbers.clone_from(phones);
        }
    }
}

fn merge_address(present: Option<Address>, patch: &AddressPatch) -> Address {
    let present = present.unwrap_or_default();
    Address {
        street_address: patch.street_address.apply(present.street_address),
        city: patch.city.apply(present.city),
        state: patch.state.apply(present.state),
        postal_code: patch.postal_code.apply(present.postal_code),
    }
}

fn check_name(errors: &mut Vec<FieldError>, pointer: &str, name: &str) {
    text::check(errors, pointer, name, 1, NAME_MAX);
    if !name.is_empty() && !text::has_control(name) && name.chars().all(char::is_whitespace) {
        errors.push(FieldError::at(pointer, "must not be blank"));
    }
}

fn check_address(errors: &mut Vec<FieldError>, address: &Address) {
    let parts = [
        ("/address/streetAddress", &address.street_address),
        ("/address/city", &address.city),
        ("/address/state", &address.state),
    ];
    for (pointer, part) in parts {
        if let Some(part) = part {
            text::check(errors, pointer, part, 0, ADDRESS_PART_MAX);
        }
    }
    if let Some(code) = &address.postal_code {
        text::check(errors, "/address/postalCode", &code.0, 1, POSTAL_CODE_MAX);
    }
}

fn check_phones(errors: &mut Vec<FieldError>, phones: &[String]) {
    if phones.len() > PHONES_MAX {
        errors.push(FieldError::at(
            "/phoneNumbers",
            format!("must have at most {PHONES_MAX} entries, has {}", phones.len()),
        ));
    }
    for (index, phone) in phones.iter().enumerate() {
        text::check(errors, &format!("/phoneNumbers/{index}"), phone, 1, PHONE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postal_code_is_a_number_only_where_nothing_is_lost() {
        // R4
        let number = |text: &str| PostalCode(text.to_owned()).as_number();
        assert_eq!(number("10021"), Some(10021));
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9007199254740991"), Some(9_007_199_254_740_991));
        for text in ["02134", "SW1A 1AA", "00", "9007199254740992", "1e3", "１２", "-1", " 1"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn a_merge_patch_sets_clears_and_keeps() {
        let patch = AddressPatch { city: Patch::Set("Oslo".into()), state: Patch::Clear, ..AddressPatch::default() };
        let before =
            Address { state: Some("NY".into()), street_address: Some("21 2nd Street".into()), ..Address::default() };
        let after = merge_address(Some(before), &patch);
        assert_eq!(after.city.as_deref(), Some("Oslo"));
        assert_eq!(after.state, None);
        assert_eq!(after.street_address.as_deref(), Some("21 2nd Street"));
    }

    #[test]
    fn all_errors_come_at_once() {
        let user = NewUser {
            email: EmailAddress::parse("a@example.com").unwrap(),
            first_name: String::new(),
            last_name: "x\u{0}".into(),
            address: Some(Address { postal_code: Some(PostalCode(String::new())), ..Address::default() }),
            phone_numbers: vec![String::new(); 21],
        };
        assert_eq!(user.errors().len(), 1 + 1 + 1 + 1 + 21);
    }
}
