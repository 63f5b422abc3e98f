//! The gRPC layer: parse, call, convert. No SQL and no rules.

pub mod directory;
pub mod feed;
pub mod images;
pub mod operator;
pub mod users;

use api::{convert, position, status::to_status, user::v1 as proto};
use model::Result;
use tonic::{Response, Status};

use crate::store::{Done, idempotency::Key};

/// A write's answer: the message, and where the write landed.
fn answer<T, M>(done: Result<Done<T>>, message: impl FnOnce(T) -> M) -> std::result::Result<Response<M>, Status> {
    let done = done.map_err(to_status)?;
    let mut response = Response::new(message(done.value));
    position::attach(&mut response, &done.positions);
    Ok(response)
}

/// The prints of a keyed request, if it has a key.
fn key(idempotency: Option<proto::Idempotency>) -> Result<Option<Key>> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    Ok(Some(Key {
        key: convert::print("/idempotency/key_hash", &idempotency.key_hash)?,
        request: convert::print("/idempotency/request_hash", &idempotency.request_hash)?,
    }))
}

/// A metadata value as text; empty where it is absent.
fn text<T>(request: &tonic::Request<T>, name: &str) -> String {
    request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
