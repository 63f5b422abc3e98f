//! Accounts, as far as signing in needs them.

use model::{Bucket, EmailAddress, UserId};
use store::tables::{credentials, email_claims};

use super::Store;
use crate::error::Result;

/// What an e-mail and its owner say before the password is looked at.
pub(crate) struct Account {
    pub(crate) user: UserId,
    /// The stored hash, a PHC string.
    pub(crate) phc: String,
    /// Read together with the hash: the session may be made only while it is still this one.
    pub(crate) session_epoch: u64,
}

impl Store {
    /// The live account that has this e-mail. Takes the same reads whether or not there is one.
    pub(crate) async fn account(&self, email: &EmailAddress) -> Result<Option<Account>> {
        let bucket = Bucket::of_email(email.normal());
        let mut read = self.shards.read(bucket)?;
        let claim = email_claims::get(&mut read, bucket, email.normal()).await?;
        let user = claim.map_or_else(|| decoy(bucket), |claim| Some(claim.user_id));
        let Some(user) = user else { return Ok(None) };
        let (bucket, mut read) = self.shards.read_user(user)?;
        let found = credentials::for_sign_in(&mut read, bucket, user).await?;
        // A claim may be older than a change of e-mail that has not released it yet; a decoy never has this e-mail.
        let found = found.filter(|found| found.email_normal == email.normal());
        Ok(found.map(|found| Account { user, phc: found.phc, session_epoch: found.session_epoch }))
    }

    /// Stores a stronger hash of the same password, unless the password was changed meanwhile.
    pub(crate) async fn rehash(&self, user: UserId, verified: String, stronger: String) -> Result<()> {
        let work = self
            .shards
            .write(user, move |tx| Box::pin(async move { credentials::rehash(tx, user, &verified, &stronger).await }));
        work.await?;
        Ok(())
    }
}

/// Some user to be read in place of one that does not exist.
fn decoy(bucket: Bucket) -> Option<UserId> {
    UserId::new(u64::from(bucket.0) + 1)
}
