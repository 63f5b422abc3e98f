//! A merge patch of a profile, in one transaction where the e-mail's normal form stays.

use model::{
    EmailAddress, Result, UserId,
    profile::{ProfilePatch, User},
};
use store::{
    BucketTx, Written,
    tables::{images, inbox, users},
};

use super::{Done, Recipes, claims::void_mark, contended, emit, emit_invalidation, no_user, require_version};
use crate::outbox::event::Event;

const ROUNDS: usize = 4;

/// A change of address that has reserved the new one.
#[derive(Debug, Clone)]
pub(super) struct AddressChange {
    /// Normal form of the address given up.
    pub(super) from: String,
    /// The operation that holds the reservation.
    pub(super) operation: String,
}

/// What a patch met.
#[derive(Debug)]
pub(super) enum Patched {
    /// The user as it is now, and whether it changed.
    User(Box<User>, bool),
    /// The address is another than when the change began, or another writer was quicker: read again.
    Again,
    /// The sweeper has given this operation up.
    Barred,
}

impl Recipes {
    /// Applies a patch. A patch that changes nothing keeps the version.
    ///
    /// # Errors
    /// `NOT_FOUND`, `VERSION_MISMATCH`, `EMAIL_TAKEN`.
    pub async fn update_user(
        &self,
        id: UserId,
        if_version: Option<u64>,
        patch: ProfilePatch,
        now_ms: i64,
    ) -> Result<Done<User>> {
        for _ in 0..ROUNDS {
            if let Some(email) = &patch.email
                && self.moves_address(id, if_version, email).await?
            {
                let (this, patch) = (self.clone(), patch.clone());
                return self.tracked(async move { this.change_email(id, if_version, patch, now_ms).await }).await;
            }
            let Written { value, position } = self.apply(id, if_version, patch.clone(), None, now_ms).await?;
            if let Patched::User(user, changed) = value {
                return Ok(self.committed(Written { value: (user, changed), position }).await);
            }
        }
        Err(contended())
    }

    /// Whether the user has another address than this one.
    async fn moves_address(&self, id: UserId, if_version: Option<u64>, email: &EmailAddress) -> Result<bool> {
        let row = self.user_row(id).await?.ok_or_else(no_user)?;
        require_version(if_version, row.user.version)?;
        Ok(row.email_normal != email.normal())
    }

    /// The transaction.
    pub(super) async fn apply(
        &self,
        id: UserId,
        if_version: Option<u64>,
        patch: ProfilePatch,
        change: Option<AddressChange>,
        now_ms: i64,
    ) -> store::Result<Written<Patched>> {
        let invalidate = self.config().outbox.invalidate;
        self.shards()
            .write(id, move |tx| {
                Box::pin(async move { apply(tx, id, if_version, &patch, change.as_ref(), invalidate, now_ms).await })
            })
            .await
    }

    /// What follows the commit of a change of a user.
    pub(super) async fn committed(&self, written: Written<(Box<User>, bool)>) -> Done<User> {
        let done = Done::of(written);
        let (user, changed) = done.value;
        if changed {
            let mark = done.positions.last().and_then(|at| self.mark(user.id, *at));
            self.users().changed(&user, mark).await;
        }
        Done { value: *user, positions: done.positions }
    }
}

async fn apply(
    tx: &mut BucketTx<'_>,
    id: UserId,
    if_version: Option<u64>,
    patch: &ProfilePatch,
    change: Option<&AddressChange>,
    invalidate: bool,
    now_ms: i64,
) -> store::Result<Patched> {
    let bucket = tx.bucket();
    let row = users::get_live(tx, bucket, id).await?.ok_or_else(no_user)?;
    require_version(if_version, row.user.version)?;
    let mut next = row.clone();
    patch.apply(&mut next.user);
    if let Some(email) = &patch.email {
        email.given().clone_into(&mut next.user.email);
        if email.normal() != row.email_normal {
            let Some(change) = change.filter(|change| change.from == row.email_normal) else {
                return Ok(Patched::Again);
            };
            if inbox::contains(tx, bucket, &void_mark(&change.operation)).await? {
                return Ok(Patched::Barred);
            }
            email.normal().clone_into(&mut next.email_normal);
            emit(tx, &Event::ReleaseEmail { email: row.email_normal.clone() }, now_ms).await?;
        }
    }
    if next == row {
        return Ok(Patched::User(Box::new(row.user), false));
    }
    next.user.version = row.user.version + 1;
    next.user.updated_at_ms = now_ms.max(row.user.updated_at_ms);
    if !users::update(tx, row.user.version, &next).await? {
        // Rolls the outbox row back too.
        return Err(contended().into());
    }
    let renamed = (&next.user.first_name, &next.user.last_name) != (&row.user.first_name, &row.user.last_name);
    if renamed && images::any_done(tx, bucket, id).await? {
        emit(tx, &Event::FeedNames { user_id: id.get() }, now_ms).await?;
    }
    emit_invalidation(tx, invalidate, id, next.user.version, now_ms).await?;
    Ok(Patched::User(Box::new(next.user), true))
}
