//! Users and merge patches.

use model::{
    EmailAddress, Error,
    profile::{Address, AddressPatch, NewUser, Patch, PostalCode, ProfilePatch, ProfilePicture, Role, User},
};

use crate::user::v1 as proto;

impl From<Role> for proto::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<proto::Role> for Role {
    /// Whatever is not said to be an administrator is none.
    fn from(role: proto::Role) -> Self {
        match role {
            proto::Role::Admin => Self::Admin,
            proto::Role::User | proto::Role::Unspecified => Self::User,
        }
    }
}

impl From<Address> for proto::Address {
    fn from(address: Address) -> Self {
        Self {
            street_address: address.street_address,
            city: address.city,
            state: address.state,
            postal_code: address.postal_code.map(|code| code.0),
        }
    }
}

impl From<proto::Address> for Address {
    fn from(address: proto::Address) -> Self {
        Self {
            street_address: address.street_address,
            city: address.city,
            state: address.state,
            postal_code: address.postal_code.map(PostalCode),
        }
    }
}

impl From<User> for proto::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.get(),
            version: user.version,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            address: user.address.map(Into::into),
            phone_numbers: user.phone_numbers,
            picture: user.picture.map(Into::into),
            role: proto::Role::from(user.role).into(),
            created_at_ms: user.created_at_ms,
            updated_at_ms: user.updated_at_ms,
        }
    }
}

impl TryFrom<proto::User> for User {
    type Error = Error;

    fn try_from(user: proto::User) -> Result<Self, Error> {
        Ok(Self {
            id: super::user_id(user.id)?,
            version: user.version,
            role: user.role().into(),
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            address: user.address.map(Into::into),
            phone_numbers: user.phone_numbers,
            picture: user.picture.map(TryInto::try_into).transpose()?,
            created_at_ms: user.created_at_ms,
            updated_at_ms: user.updated_at_ms,
        })
    }
}

impl From<ProfilePicture> for proto::ProfilePicture {
    fn from(picture: ProfilePicture) -> Self {
        Self {
            image_id: picture.image_id.to_string(),
            variant: picture.variant,
            key: picture.key,
            version: picture.version,
        }
    }
}

impl TryFrom<proto::ProfilePicture> for ProfilePicture {
    type Error = Error;

    fn try_from(picture: proto::ProfilePicture) -> Result<Self, Error> {
        Ok(Self {
            image_id: super::image_id(&picture.image_id)?,
            variant: picture.variant,
            key: picture.key,
            version: picture.version,
        })
    }
}

/// The profile of a sign-up, checked; the password and the print are the caller's.
pub fn new_user(request: &proto::CreateUserRequest) -> Result<NewUser, Error> {
    let email = email(&request.email)?;
    let user = NewUser {
        email,
        first_name: request.first_name.clone(),
        last_name: request.last_name.clone(),
        address: request.address.clone().map(Into::into),
        phone_numbers: request.phone_numbers.clone(),
    };
    let errors = user.errors();
    if errors.is_empty() { Ok(user) } else { Err(Error::invalid(errors)) }
}

/// An e-mail address, or the error at `/email`.
pub fn email(given: &str) -> Result<EmailAddress, Error> {
    EmailAddress::parse(given).map_err(|detail| super::invalid("/email", detail))
}

impl From<ProfilePatch> for proto::UpdateUserRequest {
    /// Leaves `user_id` and `if_version` to the caller.
    fn from(patch: ProfilePatch) -> Self {
        Self {
            user_id: 0,
            if_version: None,
            first_name: patch.first_name,
            last_name: patch.last_name,
            email: patch.email.map(|email| email.given().to_owned()),
            address: match patch.address {
                Patch::Keep => None,
                Patch::Clear => Some(proto::AddressPatch { clear: true, ..Default::default() }),
                Patch::Set(address) => Some(proto::AddressPatch {
                    clear: false,
                    street_address: field(address.street_address),
                    city: field(address.city),
                    state: field(address.state),
                    postal_code: match address.postal_code {
                        Patch::Keep => None,
                        Patch::Clear => Some(proto::FieldPatch { value: None }),
                        Patch::Set(code) => Some(proto::FieldPatch { value: Some(code.0) }),
                    },
                }),
            },
            phone_numbers: patch.phone_numbers.map(|items| proto::PhoneNumbers { items }),
        }
    }
}

impl TryFrom<proto::UpdateUserRequest> for ProfilePatch {
    type Error = Error;

    fn try_from(request: proto::UpdateUserRequest) -> Result<Self, Error> {
        let patch = Self {
            first_name: request.first_name,
            last_name: request.last_name,
            email: request.email.as_deref().map(email).transpose()?,
            address: match request.address {
                None => Patch::Keep,
                Some(address) if address.clear => Patch::Clear,
                Some(address) => Patch::Set(AddressPatch {
                    street_address: unfield(address.street_address),
                    city: unfield(address.city),
                    state: unfield(address.state),
                    postal_code: match unfield(address.postal_code) {
                        Patch::Keep => Patch::Keep,
                        Patch::Clear => Patch::Clear,
                        Patch::Set(code) => Patch::Set(PostalCode(code)),
                    },
                }),
            },
            phone_numbers: request.phone_numbers.map(|phones| phones.items),
        };
        let errors = patch.errors();
        if errors.is_empty() { Ok(patch) } else { Err(Error::invalid(errors)) }
    }
}

fn field(patch: Patch<String>) -> Option<proto::FieldPatch> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(proto::FieldPatch { value: None }),
        Patch::Set(value) => Some(proto::FieldPatch { value: Some(value) }),
    }
}

fn unfield(patch: Option<proto::FieldPatch>) -> Patch<String> {
    match patch {
        None => Patch::Keep,
        Some(proto::FieldPatch { value: None }) => Patch::Clear,
        Some(proto::FieldPatch { value: Some(value) }) => Patch::Set(value),
    }
}
