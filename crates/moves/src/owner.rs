//! What a step makes of a bucket's owner row, on either side, and who may still do it.
//!
//! Three epochs belong to a move that begins in epoch `e`: the source owns the bucket in `e`, the target in `e + 1`, and where the move
//! is undone, the source again in `e + 2`. No two moves of a bucket begin in the same epoch, so a row's epoch says which move it is of.
//! Which holder of the move wrote it, its token says: tokens rise with every change of holder, over all moves, and a lower one than the
//! row's is refused. A holder that was thought dead, wakes and goes on finds its writes refused by the row itself.

use model::Epoch;
use store::tables::bucket_owner::State;

use crate::Step;

/// Which end of the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where the bucket is.
    Source,
    /// Where it goes.
    Target,
}

/// An owner row but for its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Found {
    /// Since which epoch.
    pub epoch: Epoch,
    /// What may be done.
    pub state: State,
    /// The token of the holder that wrote it; none where no move has a hand on it.
    pub token: Option<u64>,
}

/// Under what a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The epoch in which the source owned the bucket when the move was planned.
    pub epoch: Epoch,
    /// The token of who does it.
    pub token: u64,
}

impl Terms {
    /// The target's epoch.
    pub const fn next(self) -> Epoch {
        Epoch(self.epoch.0 + 1)
    }

    /// The source's epoch after the move was undone.
    pub const fn undone(self) -> Epoch {
        Epoch(self.epoch.0 + 2)
    }
}

/// What to do with the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Write this one in its place.
    Write(Found),
    /// It is as it should be.
    Keep,
    /// It is another holder's or another move's: stop.
    Refuse,
}

/// What a step makes of the owner row of `side`. Steps that change no owner row, on this side, keep it as it is.
pub fn judge(step: Step, side: Side, terms: Terms, found: Option<Found>) -> Verdict {
    decide(wanted(step, side, terms), leads_to(step, side, terms, found), terms, found)
}

/// The row that is wanted, where what was found leads to it and is no later holder's.
pub(crate) fn decide(wanted: Option<Found>, leads: bool, terms: Terms, found: Option<Found>) -> Verdict {
    let Some(wanted) = wanted else { return Verdict::Keep };
    if found == Some(wanted) {
        return Verdict::Keep;
    }
    let mine = found.is_none_or(|row| row.token.is_none_or(|token| token <= terms.token));
    if mine && leads { Verdict::Write(wanted) } else { Verdict::Refuse }
}

/// What a new holder does first, on both sides: its token takes the place of the earlier holder's in the rows of this move.
pub fn take_over(side: Side, terms: Terms, found: Option<Found>) -> Verdict {
    let Some(row) = found else { return Verdict::Keep };
    let of_this_move = match side {
        Side::Source => {
            matches!(
                (row.state, row.epoch),
                (State::Logging, epoch) if epoch == terms.epoch
            ) || (row.state == State::Fenced && row.epoch == terms.next())
        }
        Side::Target => matches!(row.state, State::Importing | State::Logging) && row.epoch == terms.next(),
    };
    if of_this_move { take_token(row, terms) } else { Verdict::Keep }
}

/// Our token in the place of an earlier holder's.
pub(crate) fn take_token(row: Found, terms: Terms) -> Verdict {
    match row.token {
        Some(token) if token < terms.token => Verdict::Write(Found { token: Some(terms.token), ..row }),
        Some(token) if token > terms.token => Verdict::Refuse,
        _ => Verdict::Keep,
    }
}

fn wanted(step: Step, side: Side, terms: Terms) -> Option<Found> {
    let held = |state, epoch| Some(Found { epoch, state, token: Some(terms.token) });
    let free = |state, epoch| Some(Found { epoch, state, token: None });
    match (step, side) {
        (Step::Import, Side::Target) => held(State::Importing, terms.next()),
        (Step::Log, Side::Source) => held(State::Logging, terms.epoch),
        (Step::Fence, Side::Source) => held(State::Fenced, terms.next()),
        (Step::Activate, Side::Target) => held(State::Logging, terms.next()),
        (Step::Clean, Side::Target) => free(State::Owned, terms.next()),
        (Step::Clean, Side::Source) => free(State::Gone, terms.next()),
        (Step::Back, Side::Source) => free(State::Owned, terms.undone()),
        // Above what a late `Import` of this move would write, so that it is refused.
        (Step::Back, Side::Target) => free(State::Gone, terms.undone()),
        _ => None,
    }
}

/// Whether the step may be done on what was found.
fn leads_to(step: Step, side: Side, terms: Terms, found: Option<Found>) -> bool {
    let Some(row) = found else {
        // A shard that has never had the bucket.
        return matches!((step, side), (Step::Import | Step::Back, Side::Target));
    };
    let (now, next) = (row.epoch == terms.epoch, row.epoch == terms.next());
    match (step, side) {
        (Step::Import, Side::Target) => match row.state {
            State::Gone => row.epoch < terms.next(),
            // An earlier holder's, or what a late holder of a move that is over left behind.
            State::Importing => row.epoch <= terms.next(),
            // The bucket comes back before its rows here were deleted: they are the base that the log is applied to.
            State::Fenced => now,
            State::Owned | State::Logging => false,
        },
        (Step::Log, Side::Source) => now && matches!(row.state, State::Owned | State::Logging),
        (Step::Fence, Side::Source) => (now && row.state == State::Logging) || (next && row.state == State::Fenced),
        (Step::Activate, Side::Target) => next && matches!(row.state, State::Importing | State::Logging),
        (Step::Clean, Side::Target) => next && row.state == State::Logging,
        (Step::Clean, Side::Source) => next && row.state == State::Fenced,
        (Step::Back, Side::Source) => {
            (now && matches!(row.state, State::Owned | State::Logging)) || (next && row.state == State::Fenced)
        }
        (Step::Back, Side::Target) => match row.state {
            State::Importing => row.epoch <= terms.next(),
            State::Gone => row.epoch < terms.undone(),
            State::Fenced => now,
            State::Owned | State::Logging => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { epoch: Epoch(5), token: 7 };

    #[expect(clippy::unnecessary_wraps, reason = "what is found may be nothing")]
    fn row(state: State, epoch: u64, token: Option<u64>) -> Option<Found> {
        Some(Found { epoch: Epoch(epoch), state, token })
    }

    fn written(verdict: Verdict) -> Option<Found> {
        match verdict {
            Verdict::Write(row) => Some(row),
            Verdict::Keep | Verdict::Refuse => None,
        }
    }

    #[test]
    fn a_move_that_nothing_disturbs_hands_the_bucket_over() {
        let (mut source, mut target) = (row(State::Owned, 5, None), None);
        let mut step = Step::Import;
        loop {
            for (side, row) in [(Side::Source, &mut source), (Side::Target, &mut target)] {
                match judge(step, side, TERMS, *row) {
                    Verdict::Write(new) => *row = Some(new),
                    Verdict::Keep => {}
                    Verdict::Refuse => panic!("{step:?} refused on the {side:?}: {row:?}"),
                }
                // Again: nothing more to do.
                assert_eq!(judge(step, side, TERMS, *row), Verdict::Keep, "{step:?}");
            }
            let Some(next) = step.next() else { break };
            step = next;
        }
        assert_eq!((source, target), (row(State::Gone, 6, None), row(State::Owned, 6, None)));
    }

    #[test]
    fn undone_at_any_step_the_source_owns_the_bucket_in_a_new_epoch_and_late_steps_are_refused() {
        let steps = [Step::Import, Step::Log, Step::Fence];
        for done in 0..=steps.len() {
            let (mut source, mut target) = (row(State::Owned, 5, None), None);
            for step in &steps[..done] {
                source = written(judge(*step, Side::Source, TERMS, source)).or(source);
                target = written(judge(*step, Side::Target, TERMS, target)).or(target);
            }
            source = written(judge(Step::Back, Side::Source, TERMS, source));
            target = written(judge(Step::Back, Side::Target, TERMS, target));
            assert_eq!((source, target), (row(State::Owned, 7, None), row(State::Gone, 7, None)));
            for late in steps {
                for (side, row) in [(Side::Source, source), (Side::Target, target)] {
                    assert_eq!(written(judge(late, side, TERMS, row)), None, "{late:?} {side:?}");
                }
            }
        }
    }

    #[test]
    fn a_lower_token_is_refused_and_a_higher_one_takes_over() {
        let fenced = row(State::Fenced, 6, Some(8));
        assert_eq!(judge(Step::Fence, Side::Source, TERMS, fenced), Verdict::Refuse);
        assert_eq!(take_over(Side::Source, TERMS, fenced), Verdict::Refuse);
        let later = Terms { token: 9, ..TERMS };
        assert_eq!(
            take_over(Side::Source, later, fenced),
            Verdict::Write(fenced.map(|row| Found { token: Some(9), ..row }).unwrap())
        );
        assert_eq!(take_over(Side::Target, later, row(State::Gone, 6, None)), Verdict::Keep);
    }

    #[test]
    fn a_bucket_that_comes_back_finds_its_old_rows_as_the_base() {
        // The move before this one went the other way, began in epoch 4 and is in its grace time.
        let (source, target) = (row(State::Logging, 5, Some(3)), row(State::Fenced, 5, Some(3)));
        assert_eq!(written(judge(Step::Import, Side::Target, TERMS, target)), row(State::Importing, 6, Some(7)));
        assert_eq!(written(judge(Step::Log, Side::Source, TERMS, source)), row(State::Logging, 5, Some(7)));
    }
}
