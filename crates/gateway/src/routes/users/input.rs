//! Reads profiles from JSON: the same fields and rules for a sign-up and for a merge patch.

use model::{
    EmailAddress, Error, FieldError,
    profile::{Address, AddressPatch, Patch, ProfilePatch},
};
use password::policy;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{Problem, both},
    fields::{self, Fields, postal_code},
};

/// What a sign-up sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct SignUp {
    /// Not taken by another account.
    #[schema(max_length = 254, format = Email, example = "john.smith@example.com")]
    email: String,
    /// All characters count.
    #[schema(min_length = 8, max_length = 256, example = "correct horse battery")]
    password: String,
    /// First name.
    #[schema(min_length = 1, max_length = 100, example = "John")]
    first_name: String,
    /// Last name.
    #[schema(min_length = 1, max_length = 100, example = "Smith")]
    last_name: String,
    /// Postal address.
    address: Option<AddressInput>,
    /// Phone numbers.
    #[schema(max_items = 20, nullable = false, required = false)]
    phone_numbers: Option<Vec<String>>,
}

/// A merge patch (RFC 7396) of a profile.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct ProfileChange {
    /// Not taken by another account.
    #[schema(max_length = 254, format = Email, nullable = false, required = false)]
    email: Option<String>,
    /// First name.
    #[schema(min_length = 1, max_length = 100, nullable = false, required = false)]
    first_name: Option<String>,
    /// Last name.
    #[schema(min_length = 1, max_length = 100, nullable = false, required = false)]
    last_name: Option<String>,
    /// Null takes the address away.
    address: Option<AddressInput>,
    /// Replaces all numbers; null takes them away.
    #[schema(max_items = 20)]
    phone_numbers: Option<Vec<String>>,
}

/// A postal address; null takes a field away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct AddressInput {
    /// Street and number.
    #[schema(max_length = 200)]
    street_address: Option<String>,
    /// City.
    #[schema(max_length = 200)]
    city: Option<String>,
    /// State or province.
    #[schema(max_length = 200)]
    state: Option<String>,
    /// Text of 1 to 20 characters, or a whole number from 0 to 2^53 − 1.
    #[schema(value_type = Option<PostalCodeInput>)]
    postal_code: Option<Value>,
}

/// Text or a number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum PostalCodeInput {
    /// Kept as it is.
    Text(String),
    /// A whole number.
    Number(u64),
}

/// A sign-up, read.
pub struct NewProfile {
    /// Valid.
    pub email: EmailAddress,
    /// Strong enough.
    pub password: String,
    /// Everything else.
    pub profile: ProfilePatch,
}

/// Reads a sign-up, or says all that is wrong with it.
pub fn sign_up(value: &Value) -> Result<NewProfile, Problem> {
    let mut fields = Fields::of(value, "").map_err(|error| Error::invalid(vec![error]))?;
    let email = fields.required_text("email").map(str::to_owned);
    let email = email.and_then(|email| parse_email(&mut fields, &email));
    let password = fields.required_secret("password").map(str::to_owned);
    let strong = strong(password.as_deref(), email.as_ref(), "/password");
    let profile = ProfilePatch {
        first_name: fields.required_text("firstName").map(str::to_owned),
        last_name: fields.required_text("lastName").map(str::to_owned),
        email: None,
        address: address(&mut fields),
        phone_numbers: fields.optional_texts("phoneNumbers"),
    };
    let mut errors = fields.finish();
    fields::add(&mut errors, profile.errors());
    let read = match (email, password) {
        (Some(email), Some(password)) if errors.is_empty() => Ok(NewProfile { email, password, profile }),
        _ => Err(Error::invalid(errors)),
    };
    both(read, strong).map(|(read, ())| read)
}

/// `WEAK_PASSWORD` at a pointer, where the new password is there and too weak.
pub fn strong(password: Option<&str>, email: Option<&EmailAddress>, pointer: &str) -> Result<(), Error> {
    password.map_or(Ok(()), |password| policy::check(password, email)).map_err(|weak| weak.at(pointer))
}

/// Reads a merge patch, or says all that is wrong with it.
pub fn merge_patch(value: &Value) -> Result<ProfilePatch, Vec<FieldError>> {
    let mut fields = Fields::of(value, "").map_err(|error| vec![error])?;
    let email = fields.optional_text("email").map(str::to_owned);
    let patch = ProfilePatch {
        email: email.and_then(|email| parse_email(&mut fields, &email)),
        first_name: fields.optional_text("firstName").map(str::to_owned),
        last_name: fields.optional_text("lastName").map(str::to_owned),
        address: address(&mut fields),
        phone_numbers: match fields.value("phoneNumbers") {
            // In a merge patch null takes away, and what is left of numbers is an empty array.
            Some(Value::Null) => Some(Vec::new()),
            _ => fields.optional_texts("phoneNumbers"),
        },
    };
    let mut errors = fields.finish();
    fields::add(&mut errors, patch.errors());
    if errors.is_empty() { Ok(patch) } else { Err(errors) }
}

/// The address that a patch makes of nothing.
pub fn new_address(patch: &Patch<AddressPatch>) -> Option<Address> {
    let Patch::Set(patch) = patch else { return None };
    Some(Address {
        street_address: patch.street_address.apply(None),
        city: patch.city.apply(None),
        state: patch.state.apply(None),
        postal_code: patch.postal_code.apply(None),
    })
}

fn parse_email(fields: &mut Fields<'_>, given: &str) -> Option<EmailAddress> {
    EmailAddress::parse(given).map_err(|detail| fields.wrong("email", detail)).ok()
}

fn address(fields: &mut Fields<'_>) -> Patch<AddressPatch> {
    let value = match fields.value("address") {
        None => return Patch::Keep,
        Some(Value::Null) => return Patch::Clear,
        Some(value) => value,
    };
    let mut inner = match Fields::of(value, "/address") {
        Ok(inner) => inner,
        Err(error) => {
            fields.errors.push(error);
            return Patch::Keep;
        }
    };
    let patch = AddressPatch {
        street_address: part(&mut inner, "streetAddress"),
        city: part(&mut inner, "city"),
        state: part(&mut inner, "state"),
        postal_code: match inner.value("postalCode") {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(value) => match postal_code(value) {
                Ok(code) => Patch::Set(code),
                Err(detail) => {
                    inner.wrong("postalCode", detail);
                    Patch::Keep
                }
            },
        },
    };
    fields.errors.extend(inner.finish());
    Patch::Set(patch)
}

fn part(fields: &mut Fields<'_>, key: &'static str) -> Patch<String> {
    match fields.value(key) {
        None => Patch::Keep,
        Some(Value::Null) => Patch::Clear,
        Some(Value::String(text)) => Patch::Set(text.clone()),
        Some(_) => {
            fields.wrong(key, "must be a string or null");
            Patch::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Location;
    use serde_json::json;

    use super::*;

    fn pointers(errors: Vec<FieldError>) -> Vec<String> {
        let pointer = |error: FieldError| match error.location {
            Location::Pointer(pointer) => pointer,
            other => format!("{other:?}"),
        };
        let mut all: Vec<String> = errors.into_iter().map(pointer).collect();
        all.sort();
        all
    }

    #[test]
    fn a_sign_up_is_read() {
        // R4
        let value = json!({"email": "john@example.com", "password": "a long password", "firstName": "John", "lastName": "Smith",
            "address": {"streetAddress": "21 2nd Street", "city": "New York", "state": "NY", "postalCode": 10021},
            "phoneNumbers": ["212 555-1234"]});
        let read = sign_up(&value).ok().unwrap();
        assert_eq!(new_address(&read.profile.address).unwrap().postal_code.unwrap().0, "10021");
        assert!(sign_up(&json!({"email": "john@example.com", "password": "a long password", "firstName": "J", "lastName": "S", "address": null})).is_ok());
    }

    #[test]
    fn all_errors_of_a_sign_up_come_at_once() {
        let value = json!({"email": "nobody", "password": 7, "firstName": "", "extra": 1, "address": {"city": 3, "zip": 1, "postalCode": -1},
            "phoneNumbers": ["", null]});
        let errors = pointers(sign_up(&value).err().unwrap().error.fields);
        assert_eq!(
            errors,
            [
                "/address/city",
                "/address/postalCode",
                "/address/zip",
                "/email",
                "/extra",
                "/firstName",
                "/lastName",
                "/password",
                "/phoneNumbers/0",
                "/phoneNumbers/1"
            ]
        );
        assert_eq!(pointers(sign_up(&json!([])).err().unwrap().error.fields), [""]);
    }

    #[test]
    fn a_merge_patch_takes_away_what_is_null() {
        let patch = merge_patch(&json!({"address": {"city": null, "state": "NY"}, "phoneNumbers": null})).unwrap();
        let Patch::Set(address) = patch.address else { panic!("an address is set") };
        assert_eq!(
            (address.city, address.state, address.street_address),
            (Patch::Clear, Patch::Set("NY".into()), Patch::Keep)
        );
        assert_eq!(patch.phone_numbers, Some(vec![]));
        assert_eq!(merge_patch(&json!({"address": null})).unwrap().address, Patch::Clear);
        assert_eq!(
            pointers(merge_patch(&json!({"firstName": null, "email": null, "password": "x", "id": 3})).unwrap_err()),
            ["/email", "/firstName", "/id", "/password"]
        );
    }
}
