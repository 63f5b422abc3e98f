//! Who holds an e-mail address: the two decisions that keep one address with one user.
//!
//! A claim lies in the e-mail's bucket, the user in another, and no transaction spans both. A claim is `reserved` by one
//! operation before the user row carries the address, and `confirmed` after it has been seen there. A reservation is
//! given back only after the operation that made it has been fenced *in the user's bucket*, so that a late writer finds
//! out from the data; a deadline only says when to look, it decides nothing.

use model::UserId;

/// A claim as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who has it, or will.
    pub user: UserId,
    /// The operation that reserved it.
    pub operation: String,
    /// False while reserved.
    pub confirmed: bool,
    /// When the sweeper may look at a reservation, in milliseconds since 1970.
    pub deadline_ms: i64,
}

/// What a request to reserve an address meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// Nobody has it: insert.
    Free,
    /// This very operation has it already: go on.
    Ours,
    /// The same user's confirmed claim, which their profile no longer carries: take it over.
    TakeOver,
    /// A reservation past its deadline: settle it, then ask again.
    Stale,
    /// Another operation of the same user is at it: try again shortly.
    Wait,
    /// Another user has it or is about to.
    Taken,
}

/// Decides a reservation.
pub fn reserve(present: Option<&Claim>, user: UserId, operation: &str, now_ms: i64) -> Reserve {
    let Some(claim) = present else { return Reserve::Free };
    if claim.operation == operation {
        return Reserve::Ours;
    }
    match (claim.confirmed, claim.user == user) {
        (true, true) => Reserve::TakeOver,
        (false, _) if claim.deadline_ms <= now_ms => Reserve::Stale,
        (false, true) => Reserve::Wait,
        (_, false) => Reserve::Taken,
    }
}

/// The user row that a claim speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// There is no row under that id.
    Absent,
    /// A live user whose address has this normal form.
    Live(String),
    /// Void or deleted: no operation can make it live again.
    Ended,
}

/// What to do with a claim, by the user row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// The user carries the address.
    Confirm,
    /// Insert a void user under the id, look again, then release.
    FenceUser,
    /// Mark the operation void in the user's bucket, look again, then release.
    FenceOperation,
    /// Nobody can come to carry the address by this claim.
    Release,
}

/// Decides what becomes of a claim.
///
/// A confirmed claim whose user has moved on needs no fence: its operation has run.
pub fn settle(holder: &Holder, email: &str, confirmed: bool, operation_fenced: bool) -> Settle {
    match holder {
        Holder::Ended => Settle::Release,
        Holder::Absent => Settle::FenceUser,
        Holder::Live(carried) if carried == email => Settle::Confirm,
        Holder::Live(_) if confirmed || operation_fenced => Settle::Release,
        Holder::Live(_) => Settle::FenceOperation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).unwrap()
    }

    fn claim(confirmed: bool) -> Claim {
        Claim { user: user(7), operation: "op".into(), confirmed, deadline_ms: 100 }
    }

    #[test]
    fn an_address_goes_to_nobody_else_while_it_is_held() {
        assert_eq!(reserve(None, user(7), "op", 0), Reserve::Free);
        assert_eq!(reserve(Some(&claim(false)), user(7), "op", 500), Reserve::Ours);
        assert_eq!(reserve(Some(&claim(true)), user(8), "x", 500), Reserve::Taken);
        assert_eq!(reserve(Some(&claim(false)), user(8), "x", 99), Reserve::Taken);
        assert_eq!(reserve(Some(&claim(false)), user(8), "x", 100), Reserve::Stale);
        assert_eq!(reserve(Some(&claim(false)), user(7), "x", 99), Reserve::Wait);
        assert_eq!(reserve(Some(&claim(true)), user(7), "x", 0), Reserve::TakeOver);
    }

    #[test]
    fn nothing_is_released_before_its_late_writer_is_fenced() {
        assert_eq!(settle(&Holder::Absent, "a", false, false), Settle::FenceUser);
        assert_eq!(settle(&Holder::Live("b".into()), "a", false, false), Settle::FenceOperation);
        assert_eq!(settle(&Holder::Live("b".into()), "a", false, true), Settle::Release);
        assert_eq!(settle(&Holder::Live("b".into()), "a", true, false), Settle::Release);
        assert_eq!(settle(&Holder::Live("a".into()), "a", false, true), Settle::Confirm);
        assert_eq!(settle(&Holder::Ended, "a", false, false), Settle::Release);
    }
}
