//! Roles: given and taken by operators, found by e-mail.

use model::{
    EmailAddress, Result,
    profile::{Role, User},
};
use store::{
    Written,
    tables::{sessions, users},
};

use super::{Done, Recipes, contended, emit_invalidation, no_user};

impl Recipes {
    /// Gives a user a role. The same role again changes nothing.
    ///
    /// # Errors
    /// `NOT_FOUND` where nobody has the address.
    pub async fn set_role(&self, email: &EmailAddress, role: Role, now_ms: i64) -> Result<Done<User>> {
        let id = self.resolve_email(email).await?;
        let invalidate = self.config().outbox.invalidate;
        let written = self
            .shards()
            .write(id, move |tx| {
                Box::pin(async move {
                    let bucket = tx.bucket();
                    let row = users::get_live(tx, bucket, id).await?.ok_or_else(no_user)?;
                    if row.user.role == role {
                        return Ok(((Box::new(row.user), false), Vec::new()));
                    }
                    let mut next = row.clone();
                    next.user.role = role;
                    next.user.version += 1;
                    next.user.updated_at_ms = now_ms.max(row.user.updated_at_ms);
                    if !users::update(tx, row.user.version, &next).await? {
                        return Err(contended().into());
                    }
                    emit_invalidation(tx, invalidate, id, next.user.version, now_ms).await?;
                    let live = sessions::live_of_user(tx, bucket, id, now_ms).await?;
                    let seen = live.iter().map(|row| (row.id, row.last_seen_at_ms.cast_unsigned())).collect();
                    Ok(((Box::new(next.user), true), seen))
                })
            })
            .await?;
        let Written { value: (value, seen), position } = written;
        self.sessions().changed(id, &seen).await;
        Ok(self.committed(Written { value, position }).await)
    }

    /// All administrators in the order of ids.
    ///
    /// # Errors
    /// `UNAVAILABLE` where a shard is not there: a list without its users would be wrong.
    pub async fn list_admins(&self) -> Result<Vec<User>> {
        let topology = self.shards().topology();
        let mut admins: Vec<User> = Vec::new();
        for shard in self.shards().every()? {
            let rows = users::admins(&mut shard.read_all()).await?.into_iter();
            let own = rows.filter(|(bucket, row)| topology.is_at(row.user.id, shard.id(), *bucket));
            admins.extend(own.map(|(_, row)| row.user));
        }
        admins.sort_by_key(|user| user.id);
        Ok(admins)
    }
}
