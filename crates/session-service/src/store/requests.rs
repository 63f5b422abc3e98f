//! Sign-ins recorded under an Idempotency-Key, in the bucket of the key's print.
//!
//! A record holds the session's id and, once there is an answer, the session as it was shown. Never a token: that is made again.

use api::session::v1 as proto;
use model::session::Session;
use model::{Bucket, SessionId};
use prost::Message as _;
use store::tables::idempotency::{self, Answer, RequestRow};
use store::{BucketTx, Position};

use super::Store;
use crate::domain::repeat::{Decision, Recorded, Repeat};
use crate::error::{Error, Result};

/// Sets these records apart from others of the same bucket.
const SCOPE: &str = "sign-in";
const OK: &str = "OK";

/// What a sign-in with a key has to do.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Make this session.
    Go(SessionId),
    /// Give this answer again.
    Answered(Box<Session>),
}

impl Store {
    /// What is on record under a key, without beginning anything: `None` where the sign-in is to be begun or resumed.
    pub(crate) async fn recorded(&self, repeat: &Repeat, now_ms: i64) -> Result<Option<Session>> {
        let bucket = Bucket::of_print(&repeat.key_hash);
        let mut read = self.shards.read(bucket)?;
        let Some(row) = idempotency::get(&mut read, bucket, SCOPE, &repeat.key_hash).await? else {
            return Ok(None);
        };
        match judge(repeat, &row, now_ms) {
            Decision::Begin | Decision::Resume => Ok(None),
            Decision::Answer => Ok(Some(answered(&row)?)),
            Decision::Reused => Err(Error::KeyReused),
            Decision::Wait => Err(Error::InProgress),
        }
    }

    /// Records that a sign-in is under way with `fresh` as its session's id, or finds the one that was begun before.
    pub(crate) async fn begin(
        &self,
        repeat: &Repeat,
        fresh: SessionId,
        now_ms: i64,
        resume_after_ms: i64,
        keep_ms: i64,
    ) -> Result<Begun> {
        let repeat = *repeat;
        let deadline_ms = now_ms + resume_after_ms;
        let row = RequestRow {
            scope: SCOPE.to_owned(),
            key_hash: repeat.key_hash,
            request_hash: repeat.request_hash,
            operation: fresh.to_string(),
            subject: fresh.to_string(),
            deadline_ms,
            answer: None,
            expires_at_ms: now_ms + keep_ms,
        };
        let written = self.shards.write(Bucket::of_print(&repeat.key_hash), move |tx| {
            Box::pin(async move { begin(tx, &repeat, &row, now_ms).await })
        });
        let (row, ours) = match written.await {
            Ok(written) => written.value,
            Err(error) => {
                if !error.is_certain() {
                    self.let_go(&repeat, fresh, now_ms).await;
                }
                return Err(error.into());
            }
        };
        if ours {
            return Ok(Begun::Go(subject(&row)?));
        }
        match judge(&repeat, &row, now_ms) {
            Decision::Answer => Ok(Begun::Answered(Box::new(answered(&row)?))),
            Decision::Reused => Err(Error::KeyReused),
            // Begun or taken over by another in this very moment.
            Decision::Begin | Decision::Resume | Decision::Wait => Err(Error::InProgress),
        }
    }

    /// Records the answer.
    pub(crate) async fn finish(&self, repeat: &Repeat, operation: SessionId, session: Session) -> Result<Position> {
        let key_hash = repeat.key_hash;
        let body = proto::Session::from(session).encode_to_vec();
        let answer = Answer { code: OK.to_owned(), body };
        let written = self.shards.write(Bucket::of_print(&key_hash), move |tx| {
            Box::pin(async move { idempotency::finish(tx, SCOPE, &key_hash, &operation.to_string(), &answer).await })
        });
        // Not recorded: another, resuming it, recorded the same session.
        Ok(written.await?.position)
    }

    /// Takes back what `begin` recorded: the outcome is not one to be repeated.
    pub(crate) async fn forget(&self, repeat: &Repeat, operation: SessionId) -> Result<()> {
        let key_hash = repeat.key_hash;
        let written = self.shards.write(Bucket::of_print(&key_hash), move |tx| {
            Box::pin(async move { idempotency::forget(tx, SCOPE, &key_hash, &operation.to_string()).await })
        });
        written.await?;
        Ok(())
    }

    /// Ends a sign-in whose outcome is not known here: a repeat resumes it at once, with the same session.
    pub(crate) async fn let_go(&self, repeat: &Repeat, operation: SessionId, now_ms: i64) {
        let key_hash = repeat.key_hash;
        let written = self.shards.write(Bucket::of_print(&key_hash), move |tx| {
            Box::pin(async move { idempotency::let_go(tx, SCOPE, &key_hash, &operation.to_string(), now_ms).await })
        });
        if let Err(error) = written.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a sign-in in doubt is resumed only after its deadline"
            );
        }
    }
}

/// The record that counts from now on, and whether this request is to work on it.
async fn begin(
    tx: &mut BucketTx<'_>,
    repeat: &Repeat,
    fresh: &RequestRow,
    now_ms: i64,
) -> store::Result<(RequestRow, bool)> {
    let bucket = tx.bucket();
    if let Some(there) = idempotency::get(tx, bucket, SCOPE, &repeat.key_hash).await? {
        match judge(repeat, &there, now_ms) {
            Decision::Begin => drop(idempotency::purge(tx, now_ms).await?),
            Decision::Resume => {
                let ours = idempotency::resume(tx, &there, fresh.deadline_ms, now_ms).await?;
                return Ok((there, ours));
            }
            Decision::Answer | Decision::Reused | Decision::Wait => return Ok((there, false)),
        }
    }
    if idempotency::begin(tx, fresh).await? {
        return Ok((fresh.clone(), true));
    }
    // Only on an engine with many writers: another came in between.
    let there = idempotency::get(tx, bucket, SCOPE, &repeat.key_hash).await?;
    let there = there.ok_or_else(|| store::Error::Unavailable("a record under a key came and went".to_owned()))?;
    Ok((there, false))
}

fn judge(repeat: &Repeat, row: &RequestRow, now_ms: i64) -> Decision {
    let recorded = Recorded {
        request_hash: row.request_hash,
        answered: row.answer.is_some(),
        deadline_ms: row.deadline_ms,
        expires_at_ms: row.expires_at_ms,
    };
    repeat.decide(&recorded, now_ms)
}

fn subject(row: &RequestRow) -> Result<SessionId> {
    let id = SessionId::parse(&row.subject);
    id.ok_or_else(|| Error::Store(store::Error::Corrupt("a recorded sign-in's session id".to_owned())))
}

fn answered(row: &RequestRow) -> Result<Session> {
    let wrong = || Error::Store(store::Error::Corrupt("a recorded sign-in's answer".to_owned()));
    let answer = row.answer.as_ref().filter(|answer| answer.code == OK).ok_or_else(wrong)?;
    let session = proto::Session::decode(answer.body.as_slice()).map_err(|_| wrong())?;
    session.try_into().map_err(|_| wrong())
}
