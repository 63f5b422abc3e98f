//! Claims on e-mail addresses: reserve, confirm, settle. The decisions are `domain::claim`'s; see there why they hold.

use api::position::Position;
use model::{Bucket, Code, EmailAddress, Error, Result, UserId};
use store::tables::{
    email_claims::{self, ClaimRow, State},
    inbox, users,
};

use super::{Recipes, contended, position};
use crate::domain::claim::{self, Claim, Holder, Reserve, Settle};

/// Looks at a claim so often before giving up; each look follows a change that another made meanwhile.
const ROUNDS: usize = 8;

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The user has the address.
    Confirmed,
    /// The address is free.
    Released,
    /// There is no claim.
    Absent,
    /// A reservation, which was not to be looked at.
    LeftAlone,
}

impl Recipes {
    /// Reserves an address for an operation of a user, or finds that it did so before.
    ///
    /// # Errors
    /// `EMAIL_TAKEN` where another user has it or is about to.
    pub(super) async fn reserve(&self, email: &str, user: UserId, operation: &str, now_ms: i64) -> Result<Position> {
        let bucket = Bucket::of_email(email);
        let deadline_ms = now_ms + i64::from(self.config().claims.deadline_ms);
        for _ in 0..ROUNDS {
            let (email_, operation_) = (email.to_owned(), operation.to_owned());
            let written = self
                .shards()
                .write(bucket, move |tx| {
                    Box::pin(async move {
                        let (email, operation) = (email_.as_str(), operation_.as_str());
                        let found = email_claims::get(tx, bucket, email).await?;
                        let verdict = claim::reserve(found.as_ref().map(known).as_ref(), user, operation, now_ms);
                        let holds = match (verdict, &found) {
                            (Reserve::Free, _) => {
                                email_claims::reserve(tx, email, user, operation, deadline_ms).await?
                            }
                            (Reserve::TakeOver, Some(claim)) => {
                                email_claims::take_over(tx, email, &claim.operation, operation, deadline_ms).await?
                            }
                            // Nothing to extend: confirmed already, or given up by the sweeper in this very moment.
                            (Reserve::Ours, _) => {
                                email_claims::extend(tx, email, operation, deadline_ms).await?
                                    || email_claims::confirm(tx, email, operation).await?
                            }
                            _ => false,
                        };
                        Ok((verdict, holds))
                    })
                })
                .await?;
            match written.value {
                (_, true) => return Ok(position(written.position)),
                (Reserve::Taken, _) => return Err(taken()),
                (Reserve::Wait, _) => return Err(contended()),
                (Reserve::Stale, _) => {
                    self.settle(email, now_ms).await?;
                }
                // Another was quicker between look and insert: look again.
                (Reserve::Free | Reserve::TakeOver | Reserve::Ours, false) => {}
            }
        }
        Err(contended())
    }

    /// Confirms an operation's claim. One that is gone or another's by now is settled already.
    pub(super) async fn confirm(&self, email: &str, operation: &str) -> Result<Position> {
        let (bucket, email, operation) = (Bucket::of_email(email), email.to_owned(), operation.to_owned());
        let written = self
            .shards()
            .write(bucket, move |tx| Box::pin(async move { email_claims::confirm(tx, &email, &operation).await }))
            .await?;
        Ok(position(written.position))
    }

    /// Makes a claim agree with its user: confirmed where the user carries the address, else fenced and released.
    pub async fn settle(&self, email: &str, now_ms: i64) -> Result<Settled> {
        self.settle_where(email, false, now_ms).await
    }

    /// Releases a confirmed claim that its user has given up. A reservation is another operation's, which ends it itself.
    pub async fn release(&self, email: &str, now_ms: i64) -> Result<Settled> {
        self.settle_where(email, true, now_ms).await
    }

    async fn settle_where(&self, email: &str, confirmed_only: bool, now_ms: i64) -> Result<Settled> {
        let mut fenced = None;
        for _ in 0..ROUNDS {
            let Some(claim) = self.claim(email).await? else {
                return Ok(Settled::Absent);
            };
            let confirmed = claim.state == State::Confirmed;
            if confirmed_only && !confirmed {
                return Ok(Settled::LeftAlone);
            }
            let holder = self.holder(claim.user_id).await?;
            let operation_fenced = fenced.as_ref() == Some(&claim.operation);
            match claim::settle(&holder, email, confirmed, operation_fenced) {
                Settle::Confirm if confirmed => return Ok(Settled::Confirmed),
                Settle::Confirm => {
                    self.confirm(email, &claim.operation).await?;
                }
                Settle::FenceUser => self.fence_user(claim.user_id, now_ms).await?,
                Settle::FenceOperation => {
                    self.fence_operation(claim.user_id, &claim.operation, now_ms).await?;
                    fenced = Some(claim.operation);
                }
                Settle::Release => {
                    self.pass("settle-before-release").await;
                    if self.release_claim(email, &claim.operation).await? {
                        return Ok(Settled::Released);
                    }
                }
            }
        }
        Err(contended())
    }

    /// The claim on an address, from where it is written: what is read here decides a write.
    async fn claim(&self, email: &str) -> Result<Option<ClaimRow>> {
        let (bucket, email) = (Bucket::of_email(email), email.to_owned());
        let written = self
            .shards()
            .write(bucket, move |tx| Box::pin(async move { email_claims::get(tx, bucket, &email).await }))
            .await?;
        Ok(written.value)
    }

    async fn holder(&self, user: UserId) -> Result<Holder> {
        let written = self
            .shards()
            .write(user, move |tx| {
                let bucket = tx.bucket();
                Box::pin(async move { users::get(tx, bucket, user).await })
            })
            .await?;
        Ok(match written.value {
            None => Holder::Absent,
            Some(row) if row.state == users::State::Live => Holder::Live(row.email_normal),
            Some(_) => Holder::Ended,
        })
    }

    async fn fence_user(&self, user: UserId, now_ms: i64) -> Result<()> {
        self.shards()
            .write(user, move |tx| Box::pin(async move { users::insert_void(tx, user, now_ms).await }))
            .await?;
        Ok(())
    }

    async fn fence_operation(&self, user: UserId, operation: &str, now_ms: i64) -> Result<()> {
        let id = void_mark(operation);
        // Never forgotten: no clock decides that the operation cannot come any more.
        self.shards()
            .write(user, move |tx| Box::pin(async move { inbox::consume(tx, &id, now_ms, i64::MAX).await }))
            .await?;
        Ok(())
    }

    async fn release_claim(&self, email: &str, operation: &str) -> Result<bool> {
        let (bucket, email, operation) = (Bucket::of_email(email), email.to_owned(), operation.to_owned());
        let written = self
            .shards()
            .write(bucket, move |tx| Box::pin(async move { email_claims::release(tx, &email, &operation).await }))
            .await?;
        Ok(written.value)
    }

    /// Who has an address: a confirmed claim's user, or a reservation's whose user carries it already.
    ///
    /// # Errors
    /// `NOT_FOUND` where nobody has it.
    pub async fn resolve_email(&self, email: &EmailAddress) -> Result<UserId> {
        let bucket = Bucket::of_email(email.normal());
        let claim = email_claims::get(&mut self.shards().read(bucket)?, bucket, email.normal()).await?;
        let Some(claim) = claim else {
            return Err(super::no_user());
        };
        let carried = self.user_row(claim.user_id).await?.is_some_and(|row| row.email_normal == email.normal());
        if carried { Ok(claim.user_id) } else { Err(super::no_user()) }
    }
}

/// The inbox entry in the user's bucket that bars an operation from writing there.
pub(super) fn void_mark(operation: &str) -> String {
    format!("void:{operation}")
}

fn known(row: &ClaimRow) -> Claim {
    Claim {
        user: row.user_id,
        operation: row.operation.clone(),
        confirmed: row.state == State::Confirmed,
        deadline_ms: row.deadline_ms,
    }
}

fn taken() -> Error {
    Error::new(Code::EmailTaken, "Another account has this e-mail address. Sign in with it, or use another address.")
}
