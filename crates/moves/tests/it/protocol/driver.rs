//! What a holder of the lease does, one transaction on one database at a time. Owner rows are decided by the real rules.

use moves::{Found, Side, Step, Verdict, judge, take_over};
use store::tables::bucket_owner::State;

use super::{
    model::Twin,
    world::{Fault, Holder, KEYS, Log, Plan, Todo, World},
};

/// What became of a transaction.
enum Outcome {
    GoOn(Todo),
    Recorded(Step),
    Refused,
}

/// What a holder begins with.
fn first_of_all(step: Step) -> Todo {
    match step {
        // The users first: they do not wait for a target that is away.
        Step::Back => Todo::Judge(Side::Source),
        _ => Todo::TakeOver(Side::Source),
    }
}

/// What a step begins with.
fn first(step: Step, plan: Plan) -> Todo {
    match step {
        Step::Import | Step::Activate | Step::Clean => Todo::Judge(Side::Target),
        Step::Log => Todo::Judge(Side::Source),
        Step::Copy if !plan.base => Todo::MakeRoom,
        Step::CatchUp | Step::Fence | Step::Drain => Todo::ReadLog,
        Step::Back => Todo::Look(Side::Target),
        _ => Todo::Record,
    }
}

/// What follows a judged owner row.
fn after_judging(step: Step, side: Side) -> Todo {
    match (step, side) {
        (Step::Clean, Side::Target) => Todo::Look(Side::Source),
        (Step::Back, Side::Source) => Todo::TakeOver(Side::Target),
        _ => Todo::Record,
    }
}

/// What follows an empty log.
fn after_the_log(step: Step) -> Todo {
    if step == Step::Fence { Todo::Judge(Side::Source) } else { Todo::Record }
}

impl World {
    /// The lease goes to whoever stands at `slot` from now on; who stood there is forgotten.
    pub fn acquire(&mut self, slot: usize, twin: Option<Twin>) {
        self.catalog.token = self.catalog.give();
        let (plan, step) = (self.catalog.plan, self.catalog.step);
        let todo = if twin == Some(Twin::NoTokens) { first(step, plan) } else { first_of_all(step) };
        self.holders[slot] = Some(Holder { token: self.catalog.token, plan, step, todo });
    }

    /// The same for the lease of the older move.
    pub fn acquire_older(&mut self, slot: usize) {
        let token = self.catalog.give();
        if let Some((plan, held)) = &mut self.catalog.older {
            *held = token;
            self.holders[slot] =
                Some(Holder { token, plan: *plan, step: Step::Clean, todo: first_of_all(Step::Clean) });
        }
    }

    /// The next transaction of who stands at `slot`.
    pub fn act(&mut self, slot: usize, twin: Option<Twin>) {
        let Some(holder) = self.holders[slot] else { return };
        let outcome = match holder.todo {
            Todo::TakeOver(side) => self.take_over(holder, side),
            Todo::Judge(side) => self.judge(holder, side, twin),
            Todo::Look(side) => self.look(holder, side, twin),
            Todo::Purge(side, found) => self.purge(holder, side, found),
            Todo::Record => self.record(holder),
            todo => self.carry(holder, todo, twin),
        };
        self.holders[slot] = match outcome {
            Outcome::GoOn(todo) => Some(Holder { todo, ..holder }),
            // In its grace time a move is nobody's.
            Outcome::Recorded(step) if step == Step::Grace || step.is_end() => None,
            Outcome::Recorded(step) => Some(Holder { step, todo: first(step, holder.plan), ..holder }),
            Outcome::Refused => {
                if self.catalog.knows(&holder) {
                    self.fault = Some(Fault::RightfulHolderRefused);
                }
                None
            }
        };
    }

    fn take_over(&mut self, holder: Holder, side: Side) -> Outcome {
        let shard = &mut self.shards[holder.plan.shard(side)];
        match take_over(side, holder.terms(), shard.owner) {
            Verdict::Write(row) => shard.owner = Some(row),
            Verdict::Keep => {}
            Verdict::Refuse => return Outcome::Refused,
        }
        Outcome::GoOn(match side {
            Side::Source => Todo::TakeOver(Side::Target),
            Side::Target => first(holder.step, holder.plan),
        })
    }

    fn judge(&mut self, holder: Holder, side: Side, twin: Option<Twin>) -> Outcome {
        let shard = &mut self.shards[holder.plan.shard(side)];
        match verdict(holder, side, shard.owner, twin) {
            Verdict::Write(row) => shard.owner = Some(row),
            Verdict::Keep => {}
            Verdict::Refuse => return Outcome::Refused,
        }
        // In the same transaction: later, a new move's entries would go with them.
        if matches!(holder.step, Step::Clean | Step::Back) {
            shard.log = Log::default();
        }
        Outcome::GoOn(after_judging(holder.step, side))
    }

    /// Reads the owner row of a side that is to be emptied: what may become `gone` may be emptied, and nothing else.
    fn look(&self, holder: Holder, side: Side, twin: Option<Twin>) -> Outcome {
        let found = self.shards[holder.plan.shard(side)].owner;
        let verdict = verdict(holder, side, found, twin);
        if verdict == Verdict::Keep {
            return Outcome::GoOn(Todo::Record);
        }
        if verdict == Verdict::Refuse && twin != Some(Twin::PurgesWhatItFinds) {
            return Outcome::Refused;
        }
        let holds_rows = |row: &Found| match row.state {
            State::Importing => true,
            State::Fenced => twin != Some(Twin::PurgesOnlyImporting) || holder.step != Step::Back,
            State::Owned | State::Logging | State::Gone => false,
        };
        Outcome::GoOn(found.filter(holds_rows).map_or(Todo::Judge(side), |row| Todo::Purge(side, row)))
    }

    fn purge(&mut self, holder: Holder, side: Side, found: Found) -> Outcome {
        let shard = &mut self.shards[holder.plan.shard(side)];
        let same = |row: Found| row.state == found.state && row.token == found.token;
        if !shard.owner.is_some_and(same) {
            // Somebody late was here since.
            return Outcome::GoOn(Todo::Look(side));
        }
        (shard.rows, shard.log) = ([0; KEYS], Log::default());
        Outcome::GoOn(Todo::Judge(side))
    }

    /// Carries rows from the source to the target.
    fn carry(&mut self, holder: Holder, todo: Todo, twin: Option<Twin>) -> Outcome {
        let source = holder.plan.shard(Side::Source);
        let target = holder.plan.shard(Side::Target);
        let may_write = has(self.shards[target].owner, State::Importing, holder, twin);
        Outcome::GoOn(match todo {
            Todo::ReadRows => Todo::WriteRows(self.shards[source].rows),
            Todo::MakeRoom | Todo::WriteRows(_) | Todo::Upsert(..) if !may_write => return Outcome::Refused,
            Todo::MakeRoom => {
                (self.shards[target].rows, self.shards[target].log) = ([0; KEYS], Log::default());
                Todo::ReadRows
            }
            Todo::WriteRows(rows) => {
                self.shards[target].rows = rows;
                Todo::Record
            }
            Todo::ReadLog if self.shards[source].log.is_empty() => after_the_log(holder.step),
            Todo::ReadLog => Todo::ReadLogged(self.shards[source].log),
            Todo::ReadLogged(entries) => Todo::Upsert(entries, self.shards[source].rows),
            Todo::Upsert(entries, rows) => {
                for key in (0..KEYS).filter(|key| entries.names(*key)) {
                    self.shards[target].rows[key] = rows[key];
                }
                Todo::DeleteLog(entries)
            }
            Todo::DeleteLog(entries) => {
                let shard = &mut self.shards[source];
                let mine = shard.owner.is_some_and(|row| row.token == Some(holder.token));
                if !mine && twin != Some(Twin::NoTokens) {
                    return Outcome::Refused;
                }
                shard.log.remove(if twin == Some(Twin::DeletesByPosition) { shard.log } else { entries });
                // Some may be left; before the fence there is no end to it.
                if holder.step == Step::CatchUp { Todo::Record } else { Todo::ReadLog }
            }
            Todo::TakeOver(_) | Todo::Judge(_) | Todo::Look(_) | Todo::Purge(..) | Todo::Record => {
                return Outcome::Refused;
            }
        })
    }

    fn record(&mut self, holder: Holder) -> Outcome {
        let catalog = &mut self.catalog;
        if catalog.older.is_some_and(|(_, token)| token == holder.token) {
            catalog.older = None;
            return Outcome::Recorded(Step::Done);
        }
        let Some(next) = holder.step.next().filter(|_| catalog.token == holder.token && catalog.step == holder.step)
        else {
            return Outcome::Refused;
        };
        if holder.step == Step::Commit {
            catalog.name_owner(holder.plan.shard(Side::Target), holder.terms().next());
        }
        catalog.step = next;
        Outcome::Recorded(next)
    }
}

/// Whether the owner row is in this state by this holder's hand.
fn has(found: Option<Found>, state: State, holder: Holder, twin: Option<Twin>) -> bool {
    found.is_some_and(|row| row.state == state && (row.token == Some(holder.token) || twin == Some(Twin::NoTokens)))
}

/// What the real rules say, unless they are sabotaged.
fn verdict(holder: Holder, side: Side, found: Option<Found>, twin: Option<Twin>) -> Verdict {
    let seen = found.map(|row| if twin == Some(Twin::NoTokens) { Found { token: None, ..row } } else { row });
    match (twin, judge(holder.step, side, holder.terms(), seen)) {
        (Some(Twin::NoFence), Verdict::Write(_)) if holder.step == Step::Fence => Verdict::Keep,
        (Some(Twin::SameEpoch), Verdict::Write(row)) if holder.step == Step::Back => {
            Verdict::Write(Found { epoch: holder.plan.epoch, ..row })
        }
        (_, verdict) => verdict,
    }
}
