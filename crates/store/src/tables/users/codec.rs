//! A user's row to and from columns. Address and phone numbers are JSON: they are only ever read and written whole.

use model::{
    Bucket, ImageId, UserId,
    profile::{Address, PostalCode, ProfilePicture, Role, User},
};
use serde_json::{Map, Value as Json};

use super::{State, UserRow};
use crate::{Error, Result, Row, Value, tables::json};

pub(super) fn row(row: &Row) -> Result<UserRow> {
    let picture_version = row.u64(12)?;
    let picture = match (row.opt_text(13)?, row.opt_text(14)?, row.opt_text(15)?) {
        (Some(image), Some(variant), Some(key)) => Some(ProfilePicture {
            image_id: ImageId::parse(&image).ok_or_else(|| Error::Corrupt("a picture's image id".to_owned()))?,
            variant,
            key,
            version: picture_version,
        }),
        _ => None,
    };
    Ok(UserRow {
        state: match row.str(4)? {
            "live" => State::Live,
            "void" => State::Void,
            "deleted" => State::Deleted,
            _ => return Err(Error::Corrupt("a user's state".to_owned())),
        },
        session_epoch: row.u64(3)?,
        email_normal: row.text(7)?,
        picture_version,
        user: User {
            id: row.user_id(1)?,
            version: row.u64(2)?,
            email: row.text(6)?,
            first_name: row.text(8)?,
            last_name: row.text(9)?,
            address: row.opt_text(10)?.as_deref().map(address).transpose()?,
            phone_numbers: phone_numbers(row.str(11)?)?,
            picture,
            role: role(row.str(5)?)?,
            created_at_ms: row.int(16)?,
            updated_at_ms: row.int(17)?,
        },
    })
}

/// All columns in their order.
pub(super) fn params(bucket: Bucket, row: &UserRow) -> Vec<Value> {
    let user = &row.user;
    let picture = user.picture.as_ref();
    vec![
        bucket.into(),
        user.id.into(),
        user.version.into(),
        row.session_epoch.into(),
        row.state.as_str().into(),
        role_word(user.role).into(),
        user.email.as_str().into(),
        row.email_normal.as_str().into(),
        user.first_name.as_str().into(),
        user.last_name.as_str().into(),
        user.address.as_ref().map(address_json).into(),
        Json::from(user.phone_numbers.clone()).to_string().into(),
        row.picture_version.into(),
        picture.map(|picture| picture.image_id.as_str()).into(),
        picture.map(|picture| picture.variant.as_str()).into(),
        picture.map(|picture| picture.key.as_str()).into(),
        user.created_at_ms.into(),
        user.updated_at_ms.into(),
    ]
}

/// A row that is nobody's: no personal data.
pub(super) fn empty(id: UserId, state: State, now_ms: i64) -> UserRow {
    UserRow {
        state,
        session_epoch: 0,
        email_normal: String::new(),
        picture_version: 0,
        user: User {
            id,
            version: 1,
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            address: None,
            phone_numbers: Vec::new(),
            picture: None,
            role: Role::User,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        },
    }
}

/// Reads a role's stored word.
pub(crate) fn role(word: &str) -> Result<Role> {
    match word {
        "user" => Ok(Role::User),
        "admin" => Ok(Role::Admin),
        _ => Err(Error::Corrupt("a role".to_owned())),
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}

fn address_json(address: &Address) -> String {
    let code = address.postal_code.as_ref().map(|code| &code.0);
    let parts = [
        ("streetAddress", address.street_address.as_ref()),
        ("city", address.city.as_ref()),
        ("state", address.state.as_ref()),
        ("postalCode", code),
    ];
    let present = parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), Json::from(part?.as_str()))));
    Json::Object(present.collect::<Map<_, _>>()).to_string()
}

fn address(text: &str) -> Result<Address> {
    let Json::Object(mut parts) = json(text)? else {
        return Err(Error::Corrupt("an address".to_owned()));
    };
    let mut take = |name| match parts.remove(name) {
        None => Ok(None),
        Some(Json::String(part)) => Ok(Some(part)),
        Some(_) => Err(Error::Corrupt(format!("an address's {name}"))),
    };
    Ok(Address {
        street_address: take("streetAddress")?,
        city: take("city")?,
        state: take("state")?,
        postal_code: take("postalCode")?.map(PostalCode),
    })
}

fn phone_numbers(text: &str) -> Result<Vec<String>> {
    let wrong = || Error::Corrupt("phone numbers".to_owned());
    let Json::Array(numbers) = json(text)? else {
        return Err(wrong());
    };
    numbers
        .into_iter()
        .map(|number| if let Json::String(number) = number { Ok(number) } else { Err(wrong()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_text() -> impl Strategy<Value = String> {
        "\\PC{0,20}"
    }

    prop_compose! {
        fn any_row()(
            id in 1_u64..1 << 53,
            numbers in prop::array::uniform4(0_u64..1 << 60),
            texts in prop::collection::vec(some_text(), 4),
            parts in prop::collection::vec(prop::option::of(some_text()), 4),
            has_address in any::<bool>(),
            phones in prop::collection::vec(some_text(), 0..4),
            worn in any::<bool>(),
            admin in any::<bool>(),
            times in any::<[i64; 2]>(),
        ) -> UserRow {
            let [version, session_epoch, picture_version, image] = numbers;
            let address = Address {
                street_address: parts[0].clone(),
                city: parts[1].clone(),
                state: parts[2].clone(),
                postal_code: parts[3].clone().map(PostalCode),
            };
            let picture = ProfilePicture {
                image_id: ImageId::from_bytes(u128::from(image).to_be_bytes()),
                variant: "default".to_owned(),
                key: texts[3].clone(),
                version: picture_version,
            };
            UserRow {
                state: State::Live,
                session_epoch,
                email_normal: texts[0].clone(),
                picture_version,
                user: User {
                    id: UserId::new(id).unwrap(),
                    version,
                    email: texts[0].clone(),
                    first_name: texts[1].clone(),
                    last_name: texts[2].clone(),
                    address: has_address.then_some(address),
                    phone_numbers: phones,
                    picture: worn.then_some(picture),
                    role: if admin { Role::Admin } else { Role::User },
                    created_at_ms: times[0],
                    updated_at_ms: times[1],
                },
            }
        }
    }

    proptest! {
        #[test]
        fn a_user_survives_the_round_trip(user in any_row()) {
            let read = row(&Row::new(params(Bucket(7), &user))).unwrap();
            prop_assert_eq!(read, user);
        }
    }
}
