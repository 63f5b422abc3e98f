//! Reads of users: through the cache, many at once in one statement a shard.

use std::collections::HashMap;

use api::user::v1 as proto;
use model::{Bucket, Result, ShardId, UserId};
use store::tables::users::{self, State, UserRow};
use tokio::task::JoinSet;

use super::{Recipes, no_user};

impl Recipes {
    /// A user, from the cache or the shard.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn get_user(&self, id: UserId) -> Result<proto::User> {
        self.shards().heat().read(id);
        let found = self
            .users()
            .get_or_load(id, || async move { Ok(self.user_row(id).await?.map(|row| row.user.into())) })
            .await?;
        found.ok_or_else(no_user)
    }

    /// Many users; ids that do not exist are left out.
    pub async fn get_users(&self, ids: &[UserId]) -> Result<Vec<proto::User>> {
        let mut found = Vec::with_capacity(ids.len());
        let mut missing: HashMap<ShardId, Vec<(Bucket, UserId)>> = HashMap::new();
        let topology = self.shards().topology();
        for id in ids {
            self.shards().heat().read(*id);
            if let Some(user) = self.users().get(*id).await {
                found.push(user);
            } else {
                let place = topology.locate(*id);
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
                    let user = proto::User::from(row.user);
                    self.users().keep(user.clone()).await;
                    found.push(user);
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
        let bucket = self.shards().place(id)?.bucket;
        Ok(users::get_live(&mut self.shards().read(id)?, bucket, id).await?)
    }
}
