//! Reads of users: through the cache, many at once in one statement a shard.
//!
//! Where a shard has replicas, a copy in the cache answers a caller who has written only if its mark says that it holds what that
//! caller has seen, whatever filled it and whatever invalidation was lost.

use std::collections::HashMap;

use api::{position::Position, user::v1 as proto};
use model::{Bucket, Result, ShardId, UserId};
use store::tables::users::{self, State, UserRow};
use tokio::task::JoinSet;
use topology::{Mark, Place};

use super::{Recipes, no_user, user_cache::CachedUser};

impl Recipes {
    /// A user as a caller who has seen `seen` of its own writes is to see it: from the cache or the shard.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn get_user(&self, id: UserId, seen: &[Position]) -> Result<proto::User> {
        self.shards().heat().read(id);
        let place = self.shards().place(id)?;
        if seen.is_empty() || !self.shards().has_replicas(place) {
            let found = self.users().get_or_load(id, || self.show_user(id, &[])).await?;
            return found.ok_or_else(no_user);
        }
        let cached = self.users().get(id).await;
        let version = cached.as_ref().map(|cached| cached.user.version);
        if let Some(cached) = cached.filter(|cached| self.may_show(cached, place, seen)) {
            return Ok(cached.user);
        }
        // Not together with others who load it: what they wait for may be older than what this caller has seen.
        let found = self.show_user(id, seen).await?.ok_or_else(no_user)?;
        if version != Some(found.user.version) {
            self.users().keep(&found).await;
        }
        Ok(found.user)
    }

    /// The live row of a user to be shown, and what it is known to contain. A replica that does not have it may not have it yet.
    async fn show_user(&self, id: UserId, seen: &[Position]) -> Result<Option<CachedUser>> {
        let mut shown = self.shards().show(id, seen).await?;
        let mut row = users::get_live(&mut shown.read, shown.place.bucket, id).await?;
        if row.is_none() && shown.on_replica {
            row = self.user_row(id).await?;
        }
        Ok(row.map(|row| CachedUser { user: row.user.into(), mark: shown.mark }))
    }

    /// What a user's copy contains that a write has just made.
    pub(super) fn mark(&self, id: UserId, at: Position) -> Option<Mark> {
        self.shards().place(id).ok().map(|place| Mark::made(place, at))
    }

    /// Whether a cached copy may be shown to a caller who has seen `seen`.
    fn may_show(&self, cached: &CachedUser, place: Place, seen: &[Position]) -> bool {
        seen.is_empty()
            || !self.shards().has_replicas(place)
            || cached.mark.is_some_and(|mark| mark.covers(place, seen))
    }

    /// Many users; ids that do not exist are left out. What the cache does not have is read from the primaries.
    pub async fn get_users(&self, ids: &[UserId], seen: &[Position]) -> Result<Vec<proto::User>> {
        let mut found = Vec::with_capacity(ids.len());
        let mut missing: HashMap<ShardId, Vec<(Bucket, UserId)>> = HashMap::new();
        let topology = self.shards().topology();
        for id in ids {
            self.shards().heat().read(*id);
            let place = topology.locate(*id);
            let cached = self.users().get(*id).await.filter(|cached| self.may_show(cached, place, seen));
            if let Some(cached) = cached {
                found.push(cached.user);
            } else {
                missing.entry(place.shard).or_default().push((place.bucket, *id));
            }
        }
        let mut reads = JoinSet::new();
        for keys in missing.into_values() {
            let Some((bucket, _)) = keys.first().copied() else {
                continue;
            };
            let mut read = self.shards().read(bucket)?;
            reads.spawn(async move { users::get_many(&mut read, &keys).await });
        }
        while let Some(rows) = reads.join_next().await {
            for row in rows.map_err(|_| model::Error::internal())?? {
                if row.state == State::Live {
                    let user = CachedUser { user: row.user.into(), mark: None };
                    self.users().keep(&user).await;
                    found.push(user.user);
                }
            }
        }
        Ok(found)
    }

    /// A user has this version by now, says the outbox.
    ///
    /// # Errors
    /// Where the cache did not answer; it must be told again.
    pub async fn invalidate(&self, id: u64, version: u64) -> std::result::Result<(), cache::Error> {
        self.users().invalidate(id, version).await
    }

    /// The live row of a user, from the primary.
    pub(super) async fn user_row(&self, id: UserId) -> Result<Option<UserRow>> {
        let (bucket, mut read) = self.shards().read_user(id)?;
        Ok(users::get_live(&mut read, bucket, id).await?)
    }
}
