//! The recipes: every write that the service knows, step by step, each in a file of its own; and the reads.
//!
//! A recipe that touches more than one bucket runs in a tracked task: a caller that goes away does not leave it half done,
//! and a process that dies leaves it for the sweeper.

pub mod change_email;
pub mod change_password;
pub mod claims;
pub mod create_image;
pub mod delete_image;
pub mod delete_user;
pub mod idempotency;
pub mod list_users;
pub mod patch;
pub mod read_images;
mod read_partitions;
pub mod read_users;
pub mod report_job;
pub mod roles;
pub mod session_cache;
pub mod set_picture;
pub mod sign_up;
pub mod steps;
pub mod user_cache;

use std::{future::Future, sync::Arc};

use api::position::Position;
use model::{Code, Error, Result, UserId};
use password::{Attempts, Hasher};
use runtime::{context, shutdown::Shutdown};
use store::{BucketTx, Written, tables::outbox};
use topology::{Shards, UserIds};
use tracing::Instrument;

use self::{session_cache::SessionCache, steps::Steps, user_cache::UserCache};
use crate::{
    config::Config,
    notices::Notices,
    outbox::{event::Event, poke::Poke},
};

/// What the recipes work with.
pub struct Parts {
    /// The shards.
    pub shards: Shards,
    /// New user ids.
    pub ids: UserIds,
    /// Password hashing.
    pub hasher: Hasher,
    /// Counts wrong passwords.
    pub attempts: Attempts,
    /// Cached users.
    pub users: UserCache,
    /// Sessions as session-service has them cached.
    pub sessions: SessionCache,
    /// Settings.
    pub config: Arc<Config>,
    /// Tasks are tracked here.
    pub shutdown: Shutdown,
    /// Points between steps; for drills.
    pub steps: Steps,
}

/// The recipes. Cheap to clone.
#[derive(Clone)]
pub struct Recipes(Arc<Inner>);

struct Inner {
    parts: Parts,
    notices: Notices,
    poke: Poke,
}

/// What a write came to, and where in the shards' logs it lies.
#[derive(Debug, Clone)]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// Positions of the writes; empty where nothing was written.
    pub positions: Vec<Position>,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl<T> Page<T> {
    /// A page of `limit` from rows of which one more was asked for.
    fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

impl Recipes {
    /// The recipes over their parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, notices: Notices::default(), poke: Poke::default() }))
    }

    /// Tells who watches an image of its changes.
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// Wakes the dispatcher.
    pub fn poke(&self) -> &Poke {
        &self.0.poke
    }

    /// The shards.
    pub fn shards(&self) -> &Shards {
        &self.0.parts.shards
    }

    /// The settings.
    pub fn config(&self) -> &Arc<Config> {
        &self.0.parts.config
    }

    fn users(&self) -> &UserCache {
        &self.0.parts.users
    }

    fn sessions(&self) -> &SessionCache {
        &self.0.parts.sessions
    }

    fn hasher(&self) -> &Hasher {
        &self.0.parts.hasher
    }

    async fn pass(&self, point: &'static str) {
        self.0.parts.steps.pass(point).await;
    }

    /// Runs a recipe to its end whatever becomes of its caller, as part of the caller's request.
    async fn tracked<T: Send + 'static>(&self, recipe: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let request = context::current().unwrap_or_default();
        let task = context::scope(request, recipe).in_current_span();
        match self.0.parts.shutdown.tasks.spawn(task).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a recipe did not end");
                Err(in_doubt())
            }
        }
    }
}

impl<T> Done<T> {
    fn of(written: Written<T>) -> Self {
        let position = position(written.position);
        Self { value: written.value, positions: vec![position] }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Done<U> {
        Done { value: change(self.value), positions: self.positions }
    }
}

fn position(at: store::Position) -> Position {
    Position { shard: at.shard, role_epoch: at.role_epoch, log: at.log }
}

/// Writes an event that is due at once.
async fn emit(tx: &mut BucketTx<'_>, event: &Event, now_ms: i64) -> store::Result<()> {
    emit_later(tx, event, now_ms, now_ms).await
}

/// Writes an event that is due at `not_before_ms`.
async fn emit_later(tx: &mut BucketTx<'_>, event: &Event, not_before_ms: i64, now_ms: i64) -> store::Result<()> {
    outbox::add(tx, event.kind(), event.payload().into_bytes(), not_before_ms, now_ms).await?;
    Ok(())
}

/// Tells other processes that a user changed, where that is switched on.
async fn emit_invalidation(
    tx: &mut BucketTx<'_>,
    on: bool,
    user: UserId,
    version: u64,
    now_ms: i64,
) -> store::Result<()> {
    if on { emit(tx, &Event::Invalidate { user_id: user.get(), version }, now_ms).await } else { Ok(()) }
}

/// Refuses where the caller saw another version.
fn require_version(wanted: Option<u64>, present: u64) -> Result<()> {
    if wanted.is_none_or(|wanted| wanted == present) {
        return Ok(());
    }
    Err(Error::new(Code::VersionMismatch, "It has changed since you read it. Read it again and repeat the change."))
}

/// The refusal of a change that met too many others.
fn contended() -> Error {
    Error::new(Code::Busy, "The same thing is being changed by other requests. Try again in a second.")
}

fn in_doubt() -> Error {
    Error::new(
        Code::InDoubt,
        "Whether the change was made is not known. Send the same request again with the same Idempotency-Key.",
    )
}

fn no_user() -> Error {
    Error::not_found("user")
}
