//! What the steps do to owner rows where a user gets another bucket of the same shard.
//!
//! The rules are those of a move (`owner`), in the same epochs and under the same tokens; but no bucket changes its shard. A bucket that the
//! user shares with others stays; it gets a new epoch at the commit, so that nobody writes to it by the map of before.

use store::tables::bucket_owner::State;

use crate::Step;
use crate::owner::{Found, Terms, Verdict, decide, take_token};

/// What a bucket is to the user that gets another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The shared one that the user leaves: all its writers wait from the fence on, until the user's rows are copied.
    Left,
    /// The user's own that ends.
    Ending,
    /// The shared one that the user comes back to: the others' writes go on.
    Joined,
}

/// What a step makes of the owner row of a bucket. Steps that change none keep it as it is.
pub fn judge(step: Step, role: Role, terms: Terms, found: Option<Found>) -> Verdict {
    // Let go of already, and only the record of it is missing: a token that a late holder wrote now would stay.
    let let_go = Found { epoch: terms.undone(), state: State::Owned, token: None };
    if (step, role) == (Step::Back, Role::Joined) && found == Some(let_go) {
        return Verdict::Keep;
    }
    let leads = found.is_some_and(|row| leads_to(step, role, terms, row));
    decide(wanted(step, role, terms), leads, terms, found)
}

/// What a new holder does first: its token takes the place of the earlier holder's in the rows of this move.
pub fn take_over(role: Role, terms: Terms, found: Option<Found>) -> Verdict {
    let Some(row) = found else { return Verdict::Keep };
    let of_this_move = match role {
        Role::Left | Role::Ending => {
            (row.state == State::Logging && row.epoch == terms.epoch)
                || (matches!(row.state, State::Fenced | State::Owned) && row.epoch == terms.next())
        }
        Role::Joined => row.state == State::Owned && [terms.epoch, terms.next(), terms.undone()].contains(&row.epoch),
    };
    if of_this_move { take_token(row, terms) } else { Verdict::Keep }
}

fn wanted(step: Step, role: Role, terms: Terms) -> Option<Found> {
    let held = |state, epoch| Some(Found { epoch, state, token: Some(terms.token) });
    let free = |state, epoch| Some(Found { epoch, state, token: None });
    match (step, role) {
        (Step::Log, Role::Left | Role::Ending) => held(State::Logging, terms.epoch),
        (Step::Log, Role::Joined) => held(State::Owned, terms.epoch),
        (Step::Fence, Role::Left | Role::Ending) => held(State::Fenced, terms.next()),
        (Step::Activate, Role::Ending) => free(State::Gone, terms.next()),
        // The token stays until what the user left behind is deleted: a late holder must not delete what came back since.
        (Step::Activate, Role::Left) => held(State::Owned, terms.next()),
        (Step::Clean, Role::Left) | (Step::Activate, Role::Joined) => free(State::Owned, terms.next()),
        // Here too, until what was copied in vain is deleted.
        (Step::Back, Role::Joined) => held(State::Owned, terms.undone()),
        (Step::Back, Role::Left | Role::Ending) | (Step::Undone, Role::Joined) => free(State::Owned, terms.undone()),
        _ => None,
    }
}

/// Whether the step may be done on what was found.
fn leads_to(step: Step, role: Role, terms: Terms, row: Found) -> bool {
    let now = row.epoch == terms.epoch;
    let (next, undone) = (row.epoch == terms.next(), row.epoch == terms.undone());
    let owned = row.state == State::Owned;
    match (step, role) {
        (Step::Log, Role::Left | Role::Ending) => now && matches!(row.state, State::Owned | State::Logging),
        (Step::Log | Step::Activate, Role::Joined) => now && owned,
        (Step::Fence, Role::Left | Role::Ending) => {
            (now && row.state == State::Logging) || (next && row.state == State::Fenced)
        }
        (Step::Activate, Role::Left | Role::Ending) => next && row.state == State::Fenced,
        (Step::Clean, Role::Left) => next && owned && row.token.is_some(),
        (Step::Back, Role::Left | Role::Ending) => {
            (now && matches!(row.state, State::Owned | State::Logging)) || (next && row.state == State::Fenced)
        }
        (Step::Back, Role::Joined) => (now || undone) && owned,
        (Step::Undone, Role::Joined) => undone && owned && row.token.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use model::Epoch;

    use super::*;

    const TERMS: Terms = Terms { epoch: Epoch(5), token: 7 };
    const ROLES: [Role; 3] = [Role::Left, Role::Ending, Role::Joined];
    /// Steps that do something to one of them.
    const STEPS: [Step; 4] = [Step::Log, Step::Fence, Step::Activate, Step::Clean];

    const fn row(state: State, epoch: u64, token: Option<u64>) -> Found {
        Found { epoch: Epoch(epoch), state, token }
    }

    fn after(step: Step, role: Role, terms: Terms, found: Found) -> Option<Found> {
        match judge(step, role, terms, Some(found)) {
            Verdict::Write(row) => Some(row),
            Verdict::Keep | Verdict::Refuse => None,
        }
    }

    #[test]
    fn buckets_that_a_user_shares_stay_and_one_of_its_own_ends() {
        for role in ROLES {
            let mut found = row(State::Owned, 5, None);
            for step in STEPS {
                found = after(step, role, TERMS, found).unwrap_or(found);
                assert_eq!(judge(step, role, TERMS, Some(found)), Verdict::Keep, "again: {step:?} {role:?}");
            }
            let end = if role == Role::Ending { State::Gone } else { State::Owned };
            assert_eq!(found, row(end, 6, None), "{role:?}");
        }
    }

    #[test]
    fn who_comes_late_changes_nothing() {
        let late = Terms { token: 6, ..TERMS };
        for role in ROLES {
            let mut found = row(State::Owned, 5, None);
            for (done, step) in STEPS.into_iter().enumerate() {
                found = after(step, role, TERMS, found).unwrap_or(found);
                for early in &STEPS[..=done] {
                    assert_eq!(after(*early, role, late, found), None, "{early:?} {role:?} {found:?}");
                }
                // And undone is only what is not committed.
                let undone = after(Step::Back, role, TERMS, found);
                assert_eq!(undone.is_some(), done < 2, "{role:?} {step:?}");
                assert!(undone.is_none_or(|row| row.state == State::Owned && row.epoch == TERMS.undone()));
            }
        }
    }

    #[test]
    fn what_was_undone_is_let_go_of_by_its_holder_only() {
        let (back, end) = (row(State::Owned, 7, Some(7)), row(State::Owned, 7, None));
        assert_eq!(after(Step::Back, Role::Joined, TERMS, row(State::Owned, 5, Some(7))), Some(back));
        let late = Terms { token: 6, ..TERMS };
        assert_eq!(judge(Step::Undone, Role::Joined, late, Some(back)), Verdict::Refuse);
        assert_eq!(after(Step::Undone, Role::Joined, TERMS, back), Some(end));
        assert_eq!(judge(Step::Undone, Role::Joined, TERMS, Some(end)), Verdict::Keep);
        assert_eq!(judge(Step::Back, Role::Joined, late, Some(end)), Verdict::Keep);
        let later = Terms { token: 9, ..TERMS };
        let taken = Verdict::Write(Found { token: Some(9), ..back });
        assert_eq!(take_over(Role::Joined, later, Some(back)), taken);
    }
}
