//! Change of e-mail: reserve the new address, update the user with the old one's release in the outbox, confirm the new one.

use model::{
    Result, UserId,
    profile::{ProfilePatch, User},
};
use store::Written;
use uuid::Uuid;

use super::{
    Done, Recipes, contended, in_doubt, no_user,
    patch::{AddressChange, Patched},
    require_version,
};

const ROUNDS: usize = 4;

impl Recipes {
    /// Applies a patch that brings another address.
    pub(super) async fn change_email(
        &self,
        id: UserId,
        if_version: Option<u64>,
        patch: ProfilePatch,
        now_ms: i64,
    ) -> Result<Done<User>> {
        let Some(target) = patch.email.as_ref().map(|email| email.normal().to_owned()) else {
            return Err(contended());
        };
        let operation = Uuid::new_v4().simple().to_string();
        for _ in 0..ROUNDS {
            let row = self.user_row(id).await?.ok_or_else(no_user)?;
            require_version(if_version, row.user.version)?;
            if row.email_normal == target {
                // Another request of the same user was quicker.
                break;
            }
            let reserved = self.reserve(&target, id, &operation, now_ms).await?;
            self.pass("email-change-after-reserve").await;
            let change = AddressChange { from: row.email_normal.clone(), operation: operation.clone() };
            let Written { value, position: at } =
                match self.apply(id, if_version, patch.clone(), Some(change), now_ms).await {
                    Ok(written) => written,
                    Err(error) if error.is_certain() => {
                        self.give_up(&target, now_ms).await;
                        return Err(error.into());
                    }
                    Err(error) => return Err(error.into()),
                };
            match value {
                Patched::User(user, changed) => {
                    self.pass("email-change-after-update").await;
                    let mut done = self.committed(Written { value: (user, changed), position: at }).await;
                    let confirmed = self.confirm(&target, &operation).await.map_err(|_| in_doubt())?;
                    self.pass("email-change-after-confirm").await;
                    self.release_soon(&row.email_normal, now_ms).await;
                    done.positions.extend([reserved, confirmed]);
                    return Ok(done);
                }
                Patched::Again => {}
                Patched::Barred => {
                    self.give_up(&target, now_ms).await;
                    return Err(contended());
                }
            }
        }
        self.give_up(&target, now_ms).await;
        let Written { value, position: at } = self.apply(id, if_version, patch, None, now_ms).await?;
        match value {
            Patched::User(user, changed) => Ok(self.committed(Written { value: (user, changed), position: at }).await),
            Patched::Again | Patched::Barred => Err(contended()),
        }
    }

    /// Gives a reservation back; where that fails the sweeper does it.
    async fn give_up(&self, email: &str, now_ms: i64) {
        if let Err(error) = self.settle(email, now_ms).await {
            tracing::warn!(error.code = error.code.as_str(), "a reservation is left to the sweeper");
        }
    }

    /// Releases an address now; where that fails the outbox does it.
    pub(super) async fn release_soon(&self, email: &str, now_ms: i64) {
        if let Err(error) = self.release(email, now_ms).await {
            tracing::warn!(error.code = error.code.as_str(), "a release is left to the outbox");
        }
        self.poke().other();
    }
}
