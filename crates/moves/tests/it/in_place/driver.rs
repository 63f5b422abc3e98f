//! What the holder of a move does, one transaction on one database at a time. Owner rows are decided by the real rules.

use moves::in_place::{Role, judge, take_over};
use moves::{Found, Step, Terms, Verdict};
use store::tables::bucket_owner::State;

use super::{
    catalog::{BUCKETS, FIRST, Move, SHARED, USER, Way},
    twin::Twin,
    world::{Bucket, Fault, Holder, Todo, World},
};

/// What became of a transaction.
enum Outcome {
    GoOn(Todo),
    Recorded(Step),
    Refused,
}

/// What a holder begins with.
pub fn first_of_all(step: Step, twin: Option<Twin>) -> Todo {
    if step == Step::Back || twin == Some(Twin::NoTokens) { first(step, twin) } else { Todo::TakeOver(0) }
}

/// What a step begins with.
fn first(step: Step, twin: Option<Twin>) -> Todo {
    match step {
        Step::Activate if twin == Some(Twin::CopiesAfterCommit) => Todo::Copy,
        // Writers first, the deletions later.
        Step::Log | Step::Fence | Step::Activate | Step::Back => Todo::Change(step),
        Step::Clean => Todo::Delete,
        _ => Todo::Record,
    }
}

/// What follows on changed owner rows.
fn after_change(step: Step, twin: Option<Twin>) -> Todo {
    match step {
        Step::Fence if twin == Some(Twin::CopiesAfterCommit) => Todo::Commit,
        Step::Fence => Todo::Copy,
        Step::Back => Todo::Delete,
        _ => Todo::Record,
    }
}

impl World {
    /// The next transaction of who stands at `slot`.
    pub fn act(&mut self, slot: usize, twin: Option<Twin>) {
        let Some(holder) = self.holders[slot] else { return };
        let outcome = match holder.todo {
            Todo::TakeOver(place) => self.take_over(holder, place, twin),
            Todo::Change(step) => self.change(holder, step, twin),
            Todo::Copy => self.copy(holder, twin),
            Todo::Delete => self.delete(holder, twin),
            Todo::Commit => self.commit(holder, twin),
            Todo::Record => self.record(holder),
        };
        self.holders[slot] = match outcome {
            Outcome::GoOn(todo) => Some(Holder { todo, ..holder }),
            // In its grace time a move is nobody's.
            Outcome::Recorded(step) if step == Step::Grace || step.is_end() => None,
            Outcome::Recorded(step) => Some(Holder { step, todo: first(step, twin), ..holder }),
            Outcome::Refused => {
                if self.catalog.knows(holder.token) {
                    self.fault = Some(Fault::RightfulHolderRefused);
                }
                None
            }
        };
    }

    fn take_over(&mut self, holder: Holder, place: usize, twin: Option<Twin>) -> Outcome {
        let mut owners = holder.plan.owners().skip(place);
        let Some((role, bucket)) = owners.next() else { return Outcome::GoOn(first(holder.step, twin)) };
        match take_over(role, holder.terms(bucket), self.buckets[bucket].owner) {
            Verdict::Write(row) => self.buckets[bucket].owner = Some(row),
            Verdict::Keep => {}
            Verdict::Refuse => return Outcome::Refused,
        }
        Outcome::GoOn(if owners.next().is_some() { Todo::TakeOver(place + 1) } else { first(holder.step, twin) })
    }

    /// All owner rows of the move, or none.
    fn change(&mut self, holder: Holder, step: Step, twin: Option<Twin>) -> Outcome {
        let mut buckets = self.buckets;
        let own = &mut buckets[holder.plan.own].owner;
        if step == Step::Activate && holder.plan.way == Way::Out && own.is_none() {
            *own = Some(Found { epoch: FIRST, state: State::Owned, token: None });
        }
        for (role, bucket) in holder.plan.owners() {
            let owner = &mut buckets[bucket].owner;
            match verdict(step, role, holder.terms(bucket), *owner, twin) {
                Verdict::Write(row) => *owner = Some(row),
                Verdict::Keep => {}
                Verdict::Refuse => return Outcome::Refused,
            }
        }
        self.buckets = buckets;
        Outcome::GoOn(after_change(step, twin))
    }

    fn copy(&mut self, holder: Holder, twin: Option<Twin>) -> Outcome {
        let (from, to) = (holder.plan.from(), holder.plan.to());
        let closed = if twin == Some(Twin::NoFence) { State::Logging } else { State::Fenced };
        let joined = holder.plan.way == Way::Out
            || self.has(SHARED, State::Owned, holder, twin)
            || twin == Some(Twin::LeavesJoinedAlone);
        if !joined || !self.has(from, closed, holder, twin) {
            return Outcome::Refused;
        }
        let row = self.buckets[from].rows[USER];
        let there = &mut self.buckets[to].rows[USER];
        let over = holder.plan.way == Way::Home && !twin.is_some_and(Twin::merges_beside);
        if over || *there == 0 {
            *there = row;
        }
        Outcome::GoOn(if holder.step == Step::Activate { Todo::Change(Step::Activate) } else { Todo::Commit })
    }

    fn delete(&mut self, holder: Holder, twin: Option<Twin>) -> Outcome {
        let back = holder.step == Step::Back;
        let bucket = if back { holder.plan.to() } else { holder.plan.from() };
        let next = Todo::Change(if back { Step::Undone } else { Step::Clean });
        if back && twin.is_some_and(Twin::leaves_copies) {
            return Outcome::GoOn(next);
        }
        // Where the token is another one, it was done before, and only the record of it is missing. A bucket of the user's own that
        // ended needs none: its number is never used again.
        let may = bucket != SHARED
            || self.has(bucket, State::Owned, holder, twin)
            || twin.is_some_and(Twin::deletes_without_token);
        if may {
            self.buckets[bucket].rows[USER] = 0;
        }
        Outcome::GoOn(next)
    }

    fn commit(&mut self, holder: Holder, twin: Option<Twin>) -> Outcome {
        let catalog = &mut self.catalog;
        let Some(found) = catalog.find(holder.plan).filter(|found| found.token == holder.token) else {
            return Outcome::Refused;
        };
        if found.step != Step::Fence {
            return Outcome::Refused;
        }
        found.step = Step::Activate;
        catalog.raise(holder.plan, Terms::next);
        if holder.plan.way == Way::Home {
            catalog.epochs[holder.plan.own] = None;
            if twin.is_some_and(Twin::keeps_epoch_in_catalog) {
                catalog.epochs[SHARED] = Some(holder.plan.epochs[SHARED]);
            }
        }
        (catalog.before, catalog.user) = (Some(catalog.user), holder.plan.to());
        catalog.publish();
        Outcome::Recorded(Step::Activate)
    }

    fn record(&mut self, holder: Holder) -> Outcome {
        let catalog = &mut self.catalog;
        let mine = |found: &&mut Move| found.token == holder.token && found.step == holder.step;
        let (Some(found), Some(next)) = (catalog.find(holder.plan).filter(mine), holder.step.next_in_place()) else {
            return Outcome::Refused;
        };
        found.step = next;
        if next == Step::Clean {
            // Nobody goes by the map before any more.
            catalog.before = None;
        }
        catalog.earlier = catalog.earlier.filter(|earlier| !earlier.step.is_end());
        Outcome::Recorded(next)
    }

    /// Whether the owner row is in this state by this holder's hand.
    fn has(&self, bucket: usize, state: State, holder: Holder, twin: Option<Twin>) -> bool {
        let by_me = |row: Found| row.token == Some(holder.token) || twin == Some(Twin::NoTokens);
        self.buckets[bucket].owner.is_some_and(|row| row.state == state && by_me(row))
    }

    /// Whether nothing is left of any move: each bucket is as the catalog says, and the user's row is in one.
    pub fn is_clean(&self) -> bool {
        (0..BUCKETS).all(|bucket| {
            let Bucket { owner, rows } = self.buckets[bucket];
            let as_told = match self.catalog.epochs[bucket] {
                Some(epoch) => owner == Some(Found { epoch, state: State::Owned, token: None }),
                None => owner.is_none_or(|row| row.state == State::Gone),
            };
            as_told && (rows[USER] != 0) == (bucket == self.catalog.user)
        })
    }
}

/// What the real rules say, unless they are sabotaged.
fn verdict(step: Step, role: Role, terms: Terms, found: Option<Found>, twin: Option<Twin>) -> Verdict {
    let seen = found.map(|row| match twin {
        Some(Twin::NoTokens) => Found { token: None, ..row },
        // It goes on as if it were fenced.
        Some(Twin::NoFence) if step == Step::Activate && row.state == State::Logging => {
            Found { state: State::Fenced, epoch: terms.next(), ..row }
        }
        _ => row,
    });
    match (twin, judge(step, role, terms, seen)) {
        (Some(Twin::LeavesJoinedAlone), _) if role == Role::Joined => Verdict::Keep,
        (Some(Twin::NoFence), Verdict::Write(_)) if step == Step::Fence => Verdict::Keep,
        (Some(Twin::KeepsEpoch), Verdict::Write(row)) if (step, role) == (Step::Activate, Role::Joined) => {
            Verdict::Write(Found { epoch: terms.epoch, ..row })
        }
        (Some(Twin::TakesUpWhatWasLetGo), Verdict::Keep) if (step, role) == (Step::Back, Role::Joined) => {
            found.map_or(Verdict::Keep, |row| Verdict::Write(Found { token: Some(terms.token), ..row }))
        }
        (_, verdict) => verdict,
    }
}
