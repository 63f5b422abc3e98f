//! Session rows.

use api::position::Position as Seen;
use model::session::Session;
use model::{Bucket, SessionId, UserId};
use store::tables::sessions::{self, SessionRow};
use store::tables::users;
use store::{Ownership, Position};

use super::Store;
use crate::domain::lifetime::Lifetime;
use crate::domain::origin::Origin;
use crate::error::{Error, Result};
use crate::sessions::Standing;

/// A session to be made.
#[derive(Clone)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    /// The epoch that was read with the credentials.
    pub(crate) epoch: u64,
    pub(crate) origin: Origin,
}

/// What making it came to.
pub(crate) enum Made {
    /// It is there, and these others were ended for it.
    Session { session: Session, ended: Vec<SessionId>, position: Position },
    /// The user's sessions were ended, or the user is gone, since the credentials were read.
    Outrun,
}

/// A use of a session to be noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) user: UserId,
    pub(crate) id: SessionId,
    pub(crate) seen_at_ms: i64,
    pub(crate) expires_at_ms: i64,
}

impl Store {
    /// Makes a session and ends the oldest beyond `per_user`. Made again under the same id, it is the one that is there.
    pub(crate) async fn make(&self, new: NewSession, lifetime: Lifetime, per_user: u32, now_ms: i64) -> Result<Made> {
        let user = new.user;
        let written = self.shards.write(user, move |tx| {
            Box::pin(async move {
                let bucket = tx.bucket();
                let live = sessions::live_of_user(tx, bucket, user, now_ms).await?;
                if let Some(there) = live.iter().find(|row| row.id == new.id) {
                    return Ok(Some((there.clone(), Vec::new())));
                }
                // Later than every other one, so that "newest first" and "the oldest ends" have one meaning.
                let created_at_ms = live.first().map_or(now_ms, |newest| now_ms.max(newest.created_at_ms + 1));
                let row = SessionRow {
                    user_id: user,
                    id: new.id,
                    session_epoch: new.epoch,
                    created_at_ms,
                    last_seen_at_ms: created_at_ms,
                    expires_at_ms: lifetime.expires_at_ms(created_at_ms, created_at_ms),
                    ip: new.origin.ip,
                    user_agent: new.origin.user_agent,
                    revoked_at_ms: None,
                };
                if !sessions::insert(tx, &row).await? {
                    return Ok(None);
                }
                let ended = sessions::revoke_oldest(tx, user, per_user, now_ms).await?;
                Ok(Some((row, ended)))
            })
        });
        let written = written.await?;
        Ok(match written.value {
            Some((row, ended)) => Made::Session { session: session(row), ended, position: written.position },
            None => Made::Outrun,
        })
    }

    /// A live session and its user's role; `None` where it is not live.
    pub(crate) async fn standing(&self, user: UserId, id: SessionId, now_ms: i64) -> Result<Option<Standing>> {
        let (bucket, mut read) = self.shards.read_user(user)?;
        let found = sessions::get(&mut read, bucket, user, id).await?;
        let live = found.filter(|found| found.is_live(now_ms));
        Ok(live.map(|found| Standing { role: found.role, session: session(found.session) }))
    }

    /// A user's live sessions, the newest first, as a caller who has seen `seen` of its own writes is to see them.
    pub(crate) async fn list(&self, user: UserId, now_ms: i64, seen: &[Seen]) -> Result<Vec<Session>> {
        let mut shown = self.shards.show(user, seen).await?;
        let rows = sessions::live_of_user(&mut shown.read, shown.place.bucket, user, now_ms).await?;
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends a live session of a user.
    pub(crate) async fn end(&self, user: UserId, id: SessionId, now_ms: i64) -> Result<Position> {
        let written = self.shards.write(user, move |tx| {
            Box::pin(async move {
                let bucket = tx.bucket();
                let found = sessions::get(tx, bucket, user, id).await?;
                if !found.is_some_and(|found| found.is_live(now_ms)) {
                    return Ok(false);
                }
                sessions::revoke(tx, user, id, now_ms).await
            })
        });
        let written = written.await?;
        if written.value { Ok(written.position) } else { Err(Error::NoSession) }
    }

    /// Ends all sessions of a user, those too that are being made at this moment: which were there.
    pub(crate) async fn end_all(&self, user: UserId, now_ms: i64) -> Result<(Vec<SessionId>, Position)> {
        let written = self.shards.write(user, move |tx| {
            Box::pin(async move {
                if users::raise_session_epoch(tx, user).await?.is_none() {
                    return Ok(None);
                }
                Ok(Some(sessions::revoke_others(tx, user, None, now_ms).await?))
            })
        });
        let written = written.await?;
        Ok((written.value.ok_or(Error::NoUser)?, written.position))
    }

    /// Notes uses of sessions of one bucket in one transaction: how many were still live.
    pub(crate) async fn touch(&self, bucket: Bucket, mut touches: Vec<Touch>) -> Result<u64> {
        // In one order everywhere: two processes that note the same sessions wait for each other and never both for ever.
        touches.sort_unstable_by_key(|touch| (touch.user.get(), touch.id.0));
        let written = self.shards.write(bucket, move |tx| {
            Box::pin(async move {
                let mut noted = 0;
                for touch in touches {
                    let live = sessions::touch(tx, touch.user, touch.id, touch.seen_at_ms, touch.expires_at_ms).await?;
                    noted += u64::from(live);
                }
                Ok(noted)
            })
        });
        Ok(written.await?.value)
    }

    /// Removes sessions that expired before a time, bucket by bucket: how many.
    pub(crate) async fn purge(&self, before_ms: i64) -> Result<usize> {
        const BUCKETS_AT_ONCE: u32 = 64;
        let mut removed = 0;
        for shard in self.shards.all() {
            loop {
                let found: Vec<Ownership> =
                    sessions::expired(&mut shard.read_all(), before_ms, BUCKETS_AT_ONCE).await?;
                if found.is_empty() {
                    break;
                }
                for own in found {
                    let written = shard.write(own, move |tx| Box::pin(sessions::purge(tx, before_ms))).await?;
                    removed += written.value;
                }
            }
        }
        Ok(removed)
    }
}

fn session(row: SessionRow) -> Session {
    Session {
        id: row.id,
        user_id: row.user_id,
        created_at_ms: row.created_at_ms,
        last_seen_at_ms: row.last_seen_at_ms,
        expires_at_ms: row.expires_at_ms,
        ip: row.ip,
        user_agent: row.user_agent,
    }
}
