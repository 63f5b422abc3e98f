//! The services in memory: just enough of each for the gateway to talk to, and a list of what was asked.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard},
};

use api::{image::v1 as image, position::Position, session::v1 as session, status::to_status, user::v1 as user};
use model::{Code, Error, ShardId};
use token::Keys;
use tonic::{Request, Response, Status};

mod feed;
mod images;
mod sessions;
mod users;

use crate::world::{ADMIN, OTHER, OWNER};

#[derive(Default)]
pub struct State {
    pub users: BTreeMap<u64, user::User>,
    pub images: BTreeMap<String, image::Image>,
    /// User and first byte of the session id.
    pub sessions: HashSet<(u64, u8)>,
    pub asked: Vec<&'static str>,
    pub sign_ups: Vec<user::CreateUserRequest>,
    pub updates: Vec<user::UpdateUserRequest>,
    pub uploads: Vec<image::CreateImageRequest>,
    pub sign_ins: Vec<session::SignInRequest>,
    pub seen: Vec<Vec<Position>>,
    pub refuse: Option<Error>,
    pub hang: bool,
    /// What uploads are refused with.
    pub spent: Option<Error>,
    /// Whether images wait for ever.
    pub stays_queued: bool,
    pub keys: Option<Keys>,
}

pub struct Fake(Mutex<State>);

pub const IMAGE: &str = "0190a1b2c3d4e5f60718293a4b5c6d7e";
pub const DONE_IMAGE: &str = "0190a1b2c3d4e5f60718293a4b5c6d7f";

impl Fake {
    pub fn new() -> Self {
        let mut state = State::default();
        for (id, first, last) in [(ADMIN, "Ada", "Min"), (OWNER, "John", "Smith"), (OTHER, "Ann", "Other")] {
            state.users.insert(id, person(id, first, last));
            state.sessions.insert((id, u8::try_from(id).unwrap()));
        }
        state.images.insert(IMAGE.into(), picture(IMAGE, image::Status::Queued));
        state.images.insert(DONE_IMAGE.into(), picture(DONE_IMAGE, image::Status::Done));
        Self(Mutex::new(state))
    }

    /// As it was in the beginning.
    pub fn reset(&self) {
        let keys = self.state().keys.clone();
        let Self(fresh) = Self::new();
        *self.state() = State { keys, ..fresh.into_inner().unwrap() };
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn ask<T>(&self, what: &'static str, request: Request<T>) -> Result<T, Status> {
        let hang = {
            let mut state = self.state();
            state.asked.push(what);
            state.seen.push(api::position::read(request.metadata()));
            if let Some(error) = state.refuse.clone() {
                return Err(to_status(error));
            }
            state.hang
        };
        if hang {
            std::future::pending::<()>().await;
        }
        Ok(request.into_inner())
    }
}

fn person(id: u64, first: &str, last: &str) -> user::User {
    let address = user::Address {
        street_address: Some("21 2nd Street".into()),
        city: Some("New York".into()),
        state: Some("NY".into()),
        postal_code: Some("10021".into()),
    };
    user::User {
        id,
        version: 3,
        email: format!("{}@example.com", first.to_lowercase()),
        first_name: first.into(),
        last_name: last.into(),
        address: Some(address),
        phone_numbers: vec!["212 555-1234".into(), "646 555-4567".into()],
        picture: None,
        role: if id == ADMIN { user::Role::Admin } else { user::Role::User }.into(),
        created_at_ms: 1_769_860_800_000,
        updated_at_ms: 1_769_860_800_007,
    }
}

fn picture(id: &str, status: image::Status) -> image::Image {
    let key = format!("{id}-{id}.jpg");
    let done = status == image::Status::Done;
    let variant =
        image::Variant { name: "default".into(), width: 512, height: 256, bytes: 9, format: "jpeg".into(), key };
    image::Image {
        id: id.into(),
        user_id: OWNER,
        status: status.into(),
        attempts: u32::from(done),
        error: None,
        source: Some(image::Source { width: 1024, height: 512, bytes: 99, format: "jpeg".into(), key: "x".into() }),
        variants: if done { vec![variant] } else { vec![] },
        created_at_ms: 1_769_860_800_000,
        finished_at_ms: done.then_some(1_769_860_801_000),
        request_json: "{}".into(),
    }
}

fn not_found(what: &str) -> Status {
    to_status(Error::not_found(what))
}

fn written<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    api::position::attach(&mut response, &[Position { shard: ShardId(0), role_epoch: 1, log: 42 }]);
    response
}

fn check_version(user: &user::User, wanted: Option<u64>) -> Result<(), Status> {
    if wanted.is_none_or(|wanted| wanted == user.version) {
        Ok(())
    } else {
        Err(to_status(Error::new(Code::VersionMismatch, "changed")))
    }
}
