//! Requests with an Idempotency-Key that need more than one transaction: begun, then answered, or forgotten.

use api::position::Position;
use model::{Bucket, Result, UserId};
use store::tables::idempotency::{self, Answer, RequestRow};
use uuid::Uuid;

use super::{Recipes, contended, position};
use crate::domain::replay::{self, Course, Recorded};

/// The prints of a keyed request, made by the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Of caller, method, path and Idempotency-Key.
    pub key: [u8; 32],
    /// Of the body.
    pub request: [u8; 32],
}

/// An operation with the ids it was allotted; resumed, it has them still.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// The user it makes.
    pub user: UserId,
}

/// What a keyed request is to do.
pub(super) enum Opened {
    /// Run this.
    Run(Operation),
    /// Give this answer.
    Replay(Answer),
}

/// A recorded success.
pub(super) const OK: &str = "OK";

const ROUNDS: usize = 4;

impl Recipes {
    /// A new operation with a new user id.
    pub(super) async fn operation(&self) -> Result<Operation> {
        Ok(Operation { id: Uuid::new_v4().simple().to_string(), user: self.0.parts.ids.next().await? })
    }

    /// Begins, resumes or replays a keyed request.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_PROGRESS`.
    pub(super) async fn open(&self, scope: &'static str, key: Key, now_ms: i64) -> Result<Opened> {
        let bucket = Bucket::of_print(&key.key);
        for _ in 0..ROUNDS {
            let found = idempotency::get(&mut self.shards().read(bucket)?, bucket, scope, &key.key).await?;
            match (replay::course(found.as_ref().map(|row| recorded(row, key)).as_ref(), now_ms), found) {
                (Course::Refuse(error), _) => return Err(error),
                (Course::Replay, Some(RequestRow { answer: Some(answer), .. })) => return Ok(Opened::Replay(answer)),
                (Course::Resume, Some(row)) => return self.resume(row, now_ms).await.map(Opened::Run),
                (Course::Begin, _) => {
                    if let Some(operation) = self.begin(scope, key, now_ms).await? {
                        return Ok(Opened::Run(operation));
                    }
                }
                (Course::Replay | Course::Resume, _) => {}
            }
        }
        Err(contended())
    }

    async fn begin(&self, scope: &'static str, key: Key, now_ms: i64) -> Result<Option<Operation>> {
        let operation = self.operation().await?;
        let row = RequestRow {
            scope: scope.to_owned(),
            key_hash: key.key,
            request_hash: key.request,
            operation: operation.id.clone(),
            subject: operation.user.to_string(),
            deadline_ms: now_ms + i64::from(self.config().claims.deadline_ms),
            answer: None,
            expires_at_ms: now_ms + i64::from(self.config().sweeper.idempotency_ms),
        };
        let began = self
            .shards()
            .write(Bucket::of_print(&key.key), move |tx| Box::pin(async move { idempotency::begin(tx, &row).await }))
            .await;
        match began {
            Ok(began) => Ok(began.value.then_some(operation)),
            Err(error) => {
                if !error.is_certain() {
                    self.let_go(scope, key, &operation, now_ms).await;
                }
                Err(error.into())
            }
        }
    }

    async fn resume(&self, row: RequestRow, now_ms: i64) -> Result<Operation> {
        let user = UserId::parse(&row.subject).ok_or_else(model::Error::internal)?;
        let operation = Operation { id: row.operation.clone(), user };
        let deadline_ms = now_ms + i64::from(self.config().claims.deadline_ms);
        let taken = self
            .shards()
            .write(Bucket::of_print(&row.key_hash), move |tx| {
                Box::pin(async move { idempotency::resume(tx, &row, deadline_ms, now_ms).await })
            })
            .await?;
        if taken.value { Ok(operation) } else { Err(replay::in_progress()) }
    }

    /// Records an operation's answer.
    pub(super) async fn record(
        &self,
        scope: &'static str,
        key: Key,
        operation: &Operation,
        answer: Answer,
    ) -> Result<Position> {
        let id = operation.id.clone();
        let written = self
            .shards()
            .write(Bucket::of_print(&key.key), move |tx| {
                Box::pin(async move { idempotency::finish(tx, scope, &key.key, &id, &answer).await })
            })
            .await?;
        Ok(position(written.position))
    }

    /// Ends an operation whose outcome is not known here: a repeat resumes it at once, with the ids it was allotted.
    pub(super) async fn let_go(&self, scope: &'static str, key: Key, operation: &Operation, now_ms: i64) {
        let id = operation.id.clone();
        let gone = self
            .shards()
            .write(Bucket::of_print(&key.key), move |tx| {
                Box::pin(async move { idempotency::let_go(tx, scope, &key.key, &id, now_ms).await })
            })
            .await;
        if let Err(error) = gone {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a request in doubt is resumed only after its deadline"
            );
        }
    }

    /// Forgets an operation whose outcome is not recorded, so that a repeat begins anew.
    pub(super) async fn forget(&self, scope: &'static str, key: Key, operation: &Operation) {
        let id = operation.id.clone();
        let forgotten = self
            .shards()
            .write(Bucket::of_print(&key.key), move |tx| {
                Box::pin(async move { idempotency::forget(tx, scope, &key.key, &id).await })
            })
            .await;
        if let Err(error) = forgotten {
            // A repeat is told to wait until the deadline, then resumes.
            tracing::warn!(error = &error as &dyn std::error::Error, "a failed request could not be forgotten");
        }
    }
}

fn recorded(row: &RequestRow, key: Key) -> Recorded {
    Recorded { same_request: row.request_hash == key.request, done: row.answer.is_some(), deadline_ms: row.deadline_ms }
}
