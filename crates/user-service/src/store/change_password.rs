//! Change of password: verify, hash, then in one transaction replace the hash and end all sessions but the caller's.

use model::{Code, EmailAddress, Error, Result, SessionId, UserId};
use password::policy;
use secrecy::{ExposeSecret, SecretString};
use store::{
    BucketTx,
    tables::{credentials, sessions, users},
};

use super::{Done, Recipes, contended, no_user, require_version};

const ROUNDS: usize = 3;

/// A change of password.
pub struct PasswordChange {
    /// Whose.
    pub user: UserId,
    /// The session that goes on.
    pub keep: SessionId,
    /// The user's version that the caller saw.
    pub if_version: Option<u64>,
    /// The present password.
    pub current: SecretString,
    /// The next one.
    pub new: SecretString,
}

impl Recipes {
    /// Changes a password. A sign-in with the old one that runs meanwhile makes no session: the session epoch has risen.
    ///
    /// # Errors
    /// `WEAK_PASSWORD`, `BAD_CREDENTIALS` (403) for a wrong present password, `RATE_LIMITED` after too many of them, `VERSION_MISMATCH`, `BUSY`.
    pub async fn change_password(&self, change: PasswordChange, now_ms: i64) -> Result<Done<()>> {
        let mut phc = None;
        for _ in 0..ROUNDS {
            let (bucket, mut read) = self.shards().read_user(change.user)?;
            let user = users::get_live(&mut read, bucket, change.user).await?.ok_or_else(no_user)?;
            require_version(change.if_version, user.user.version)?;
            let email = EmailAddress::parse(&user.user.email).ok();
            policy::check(change.new.expose_secret(), email.as_ref()).map_err(|weak| weak.at("/newPassword"))?;
            let known = credentials::for_sign_in(&mut read, bucket, change.user).await?.ok_or_else(no_user)?;
            // Guessing here would be no slower than guessing at sign-in, so it counts there.
            let attempt = self.0.parts.attempts.begin(&user.email_normal, now_ms).await?;
            if !self.hasher().verify(&known.phc, change.current.clone()).await?.ok {
                attempt.wrong(now_ms);
                return Err(Error::new(Code::WrongPassword, "The current password is wrong. Check it and try again."));
            }
            let hash = match phc.take() {
                Some(hash) => hash,
                None => self.hasher().hash(change.new.clone()).await?,
            };
            let new = hash.clone();
            let (id, keep, if_version) = (change.user, change.keep, change.if_version);
            let written = self
                .shards()
                .write(id, move |tx| {
                    Box::pin(async move {
                        replace(tx, id, keep, if_version, known.session_epoch, &known.phc, &new, now_ms).await
                    })
                })
                .await?;
            let done = Done::of(written);
            if let Some(ended) = &done.value {
                self.sessions().ended(change.user, ended).await;
                return Ok(done.map(|_| ()));
            }
            // Another change came between: look again whether the present password is still the present one.
            phc = Some(hash);
        }
        Err(contended())
    }
}

/// The sessions ended; `None` where the credentials are no longer those that were verified.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what is wanted, and when; a struct would only rename them"
)]
async fn replace(
    tx: &mut BucketTx<'_>,
    id: UserId,
    keep: SessionId,
    if_version: Option<u64>,
    session_epoch: u64,
    verified: &str,
    new: &str,
    now_ms: i64,
) -> store::Result<Option<Vec<SessionId>>> {
    let bucket = tx.bucket();
    let user = users::get_live(tx, bucket, id).await?.ok_or_else(no_user)?;
    require_version(if_version, user.user.version)?;
    let present = credentials::for_sign_in(tx, bucket, id).await?.ok_or_else(no_user)?;
    if present.session_epoch != session_epoch || present.phc != verified {
        return Ok(None);
    }
    credentials::set(tx, id, new, now_ms).await?;
    let Some(epoch) = users::raise_session_epoch(tx, id).await? else {
        return Err(no_user().into());
    };
    let ended = sessions::revoke_others(tx, id, Some(keep), now_ms).await?;
    sessions::carry_over(tx, id, keep, epoch).await?;
    Ok(Some(ended))
}
