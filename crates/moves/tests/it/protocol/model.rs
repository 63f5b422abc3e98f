//! What may happen next in a world, and what must be true in every one.

use moves::{Found, Step, Terms};
use stateright::{Model, Property};
use store::tables::bucket_owner::State;

use super::world::{Fault, Inside, KEYS, Limits, Log, Plan, Todo, World};

pub const ONE_WRITER: &str = "at most one shard takes writes";
pub const NOTHING_LOST: &str = "the catalog's owner has every acknowledged write";
pub const NO_REPEAT: &str = "no version is acknowledged twice";
pub const NOT_REFUSED: &str = "the rightful holder is never refused";
pub const CLEAN_END: &str = "an end leaves the bucket owned by one shard and gone from the other";
pub const ENDS: &str = "from everywhere an end is reached by who holds the lease next";

/// A protocol with one rule missing: the checker must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// `Fence` leaves the source's owner row as it is.
    NoFence,
    /// Shards do not look at tokens, and a new holder does not put its own in place.
    NoTokens,
    /// A move that is undone gives the source its old epoch again.
    SameEpoch,
    /// All log entries up to now are deleted, not those that were read.
    DeletesByPosition,
    /// `Log` does not wait for the transactions that saw `owned`.
    LogDoesNotWait,
    /// `Back` deletes the target's rows only where its owner row is `importing`.
    PurgesOnlyImporting,
    /// A side that is to be emptied is emptied under whatever token is found there.
    PurgesWhatItFinds,
    /// A bucket moves on while the move that brought it is still being cleaned up.
    TwoMovesAtOnce,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A service with a map that fits the shard's owner row writes. Others are refused, which changes nothing.
    Write {
        shard: usize,
        key: usize,
    },
    /// The same in two parts.
    Enter {
        shard: usize,
        key: usize,
    },
    Leave,
    /// A router takes the lease: the one that stood at the slot after it has forgotten everything, or another one.
    Acquire {
        slot: usize,
    },
    /// A holder does its next transaction, perhaps long after another one has taken the lease.
    Act {
        slot: usize,
        token: u64,
        step: Step,
        todo: Todo,
    },
    Cancel,
    Revert,
    Again,
    AcquireOlder {
        slot: usize,
    },
}

/// The model: its bounds, and what is sabotaged.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    pub limits: Limits,
    pub twin: Option<Twin>,
}

impl Protocol {
    /// Where the lease may go. Dropping a memory while a slot is free shows nothing new: who is remembered need not act.
    fn slots(world: &World) -> impl Iterator<Item = usize> {
        let free = world.holders.iter().position(Option::is_none);
        let may = !world.catalog.step.is_end() && (world.rightful().is_none() || world.left.takeovers > 0);
        (0..world.holders.len()).filter(move |slot| may && free.is_none_or(|free| free == *slot))
    }

    fn acquire(self, world: &mut World, slot: usize) {
        // Where nobody holds it, it can always be had: else a move could stay where it is.
        if world.rightful().is_some() {
            world.left.takeovers -= 1;
        }
        world.acquire(slot, self.twin);
    }

    fn plan(world: &mut World, base: bool) {
        let catalog = &mut world.catalog;
        catalog.plan = Plan { source: catalog.owner, epoch: catalog.epoch, base };
        catalog.step = Step::Import;
        catalog.token = catalog.give();
    }

    /// Lets nobody but the rightful holder act until the move is over.
    fn ends(self, mut world: World) -> bool {
        for _ in 0..64 {
            if world.catalog.step.is_end() {
                return world.fault.is_none();
            }
            match world.rightful() {
                Some(slot) => world.act(slot, self.twin),
                None => world.acquire(0, self.twin),
            }
        }
        false
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.limits)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.fault.is_some() {
            return;
        }
        let split = self.twin == Some(Twin::LogDoesNotWait);
        for shard in (0..2).filter(|shard| world.left.writes > 0 && world.open(*shard).is_some()) {
            for key in 0..KEYS {
                actions.push(if split { Action::Enter { shard, key } } else { Action::Write { shard, key } });
            }
        }
        if world.inside.is_some() {
            actions.retain(|action| !matches!(action, Action::Enter { .. }));
            actions.push(Action::Leave);
        }
        actions.extend(Self::slots(world).map(|slot| Action::Acquire { slot }));
        for (slot, holder) in world.holders.iter().enumerate() {
            if let Some(holder) = holder {
                actions.push(Action::Act { slot, token: holder.token, step: holder.step, todo: holder.todo });
            }
        }
        let step = world.catalog.step;
        if world.left.cancels > 0 && step.may_go_back() {
            actions.push(Action::Cancel);
        }
        if world.left.reverts > 0 && step.may_revert() {
            actions.push(Action::Revert);
        }
        let may_move_on = step.is_end() || (self.twin == Some(Twin::TwoMovesAtOnce) && step == Step::Grace);
        if let Some((_, token)) = world.catalog.older
            && world.standing(token).is_none()
        {
            let free = world.holders.iter().position(Option::is_none);
            actions.extend(free.map(|slot| Action::AcquireOlder { slot }));
        }
        if world.left.further_moves > 0 && may_move_on {
            actions.push(Action::Again);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = *last;
        match action {
            Action::Write { shard, key } => {
                let row = world.open(shard)?;
                world.write(shard, key, row.state.logs_changes());
            }
            Action::Enter { shard, key } => world.inside = Some(Inside { shard, key, saw: world.open(shard)? }),
            Action::Leave => {
                let Inside { shard, key, saw } = world.inside.take()?;
                // Every other change of the owner row waits: the transaction counts as refused before it.
                if world.open(shard).is_some_and(|row| row.epoch == saw.epoch) {
                    world.write(shard, key, saw.state.logs_changes());
                }
            }
            Action::AcquireOlder { slot } => world.acquire_older(slot),
            Action::Acquire { slot } => self.acquire(&mut world, slot),
            Action::Act { slot, .. } => world.act(slot, self.twin),
            Action::Cancel => {
                world.left.cancels -= 1;
                let plan = world.catalog.plan;
                let kept = self.twin == Some(Twin::SameEpoch);
                let undone = Terms { epoch: plan.epoch, token: 0 }.undone();
                world.catalog.name_owner(plan.source, if kept { plan.epoch } else { undone });
                world.catalog.step = Step::Back;
                // Nobody's: whoever holds the lease must learn of it.
                world.catalog.token = world.catalog.give();
            }
            Action::Revert => {
                world.left.reverts -= 1;
                Self::plan(&mut world, true);
            }
            Action::Again => {
                world.left.further_moves -= 1;
                if world.catalog.step == Step::Grace {
                    world.catalog.older = Some((world.catalog.plan, world.catalog.give()));
                }
                Self::plan(&mut world, false);
            }
        }
        world.normalise();
        Some(world)
    }

    fn format_action(&self, action: &Action) -> String {
        match action {
            Action::Act { token, step, todo, .. } => format!("{token} {step:?} {todo:?}"),
            other => format!("{other:?}"),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONE_WRITER, |_, world: &World| {
                world.shards.iter().filter(|s| s.takes_writes()).count() <= 1
            }),
            // Reads go by the catalog, so this holds at all times, not only where the owner takes writes.
            Property::always(NOTHING_LOST, |_, world: &World| {
                let rows = world.shards[world.catalog.owner].rows;
                rows.iter().zip(world.acknowledged).all(|(has, acknowledged)| *has >= acknowledged)
            }),
            Property::always(NO_REPEAT, |_, world: &World| world.fault != Some(Fault::VersionRepeated)),
            Property::always(NOT_REFUSED, |_, world: &World| world.fault != Some(Fault::RightfulHolderRefused)),
            Property::always(CLEAN_END, |_, world: &World| !world.catalog.step.is_end() || is_clean(world)),
            Property::always(ENDS, |model: &Self, world: &World| model.ends(*world)),
            Property::sometimes("done", |_, world: &World| world.catalog.step == Step::Done),
        ];
        if self.limits.cancels > 0 {
            properties.push(Property::sometimes("undone", |_, world: &World| world.catalog.step == Step::Undone));
        }
        if self.limits.reverts > 0 {
            properties.push(Property::sometimes("reverted", |_, world: &World| {
                world.catalog.plan.base && world.catalog.step == Step::Done
            }));
        }
        properties
    }
}

fn is_clean(world: &World) -> bool {
    let (has, other) = (&world.shards[world.catalog.owner], &world.shards[1 - world.catalog.owner]);
    has.owner == Some(Found { epoch: world.catalog.epoch, state: State::Owned, token: None })
        && has.log.is_empty()
        && other.owner.is_some_and(|row| row.state == State::Gone)
        && other.rows == [0; KEYS]
        && other.log == Log::default()
}
