//! What may happen next in a world, and what must be true in every one.

use moves::{Step, Terms};
use stateright::{Model, Property};
use store::tables::bucket_owner::State;

use super::{
    catalog::{BUCKETS, NEIGHBOUR, SHARED, USER, Way},
    twin::Twin,
    world::{Bucket, Fault, Limits, Todo, World},
};

pub const ONE_PLACE: &str = "at most one bucket takes the user's writes";
pub const PAUSE: &str = "while a bucket is fenced, no other takes the user's writes";
pub const NOTHING_LOST: &str = "the rows that the catalog leads to have every acknowledged write";
pub const NO_REPEAT: &str = "no version is acknowledged twice";
pub const FOUND: &str = "a reader by this map or the one before finds the user";
pub const NOT_REFUSED: &str = "the rightful holder is never refused";
pub const CLEAN_END: &str = "an end leaves owner rows as the catalog has them, and the user's row in one bucket";
pub const ENDS: &str = "from everywhere an end is reached by who holds the move next";

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A service with a map that fits the bucket's owner row writes. Others are refused, which changes nothing.
    Write { whose: usize, bucket: usize },
    /// A router takes the move that goes on: the one that stood at the slot after it has forgotten everything, or another one.
    Acquire { slot: usize },
    /// A holder does its next transaction, perhaps long after another one has taken the move.
    Act { slot: usize, token: u64, step: Step, todo: Todo },
    /// The move planned last is sent back: by an operator, or by its holder after a failure.
    Cancel,
    /// The user's next move is planned: another way than the last one that was committed.
    Again,
}

/// The model: where it begins, its bounds, and what is sabotaged.
#[derive(Debug, Clone, Copy)]
pub struct Users {
    pub way: Way,
    pub limits: Limits,
    pub twin: Option<Twin>,
}

impl Users {
    /// Where the move may go. Dropping a memory while a slot is free shows nothing new: who is remembered need not act.
    fn slots(world: &World) -> impl Iterator<Item = usize> {
        let free = world.holders.iter().position(Option::is_none);
        let held = world.standing(world.catalog.current().token).is_some();
        let may = !world.catalog.is_at_rest() && (!held || world.left.takeovers > 0);
        (0..world.holders.len()).filter(move |slot| may && free.is_none_or(|free| free == *slot))
    }

    fn may_plan(self, world: &World) -> bool {
        let step = world.catalog.last.step;
        let cleans = step == Step::Clean || (self.twin == Some(Twin::EndsGraceEarly) && step == Step::Grace);
        world.left.further_moves > 0 && (step.is_end() || cleans) && world.catalog.earlier.is_none()
    }

    fn plan(world: &mut World) -> Option<()> {
        let plan = world.catalog.next_plan()?;
        let mut before = world.catalog.last;
        if before.step == Step::Grace {
            (before.step, before.token) = (Step::Clean, world.catalog.give());
        }
        world.catalog.earlier = Some(before).filter(|before| !before.step.is_end());
        world.catalog.plan(plan);
        world.left.further_moves -= 1;
        Some(())
    }

    fn cancel(world: &mut World) {
        world.left.cancels -= 1;
        let catalog = &mut world.catalog;
        let plan = catalog.last.plan;
        catalog.raise(plan, Terms::undone);
        if plan.way == Way::Out {
            // Nobody was led to it.
            catalog.epochs[plan.own] = None;
        }
        catalog.publish();
        // Nobody's: whoever holds the move must learn of it.
        (catalog.last.step, catalog.last.token) = (Step::Back, catalog.give());
    }

    /// Lets nobody but the rightful holder act until all is over.
    fn ends(self, mut world: World) -> bool {
        for _ in 0..64 {
            if world.catalog.is_at_rest() {
                return world.fault.is_none();
            }
            match world.standing(world.catalog.current().token) {
                Some(slot) => world.act(slot, self.twin),
                None => world.acquire(0, self.twin),
            }
        }
        false
    }
}

impl Model for Users {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.way, self.limits)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.fault.is_some() {
            return;
        }
        if world.left.writes > 0 {
            let rows = (0..BUCKETS).map(|bucket| (USER, bucket)).chain([(NEIGHBOUR, SHARED)]);
            let open = rows.filter(|(whose, bucket)| world.is_open(*whose, *bucket));
            actions.extend(open.map(|(whose, bucket)| Action::Write { whose, bucket }));
        }
        actions.extend(Self::slots(world).map(|slot| Action::Acquire { slot }));
        for (slot, holder) in world.holders.iter().enumerate() {
            if let Some(holder) = holder {
                actions.push(Action::Act { slot, token: holder.token, step: holder.step, todo: holder.todo });
            }
        }
        if world.left.cancels > 0 && world.catalog.last.step.may_go_back() {
            actions.push(Action::Cancel);
        }
        if self.may_plan(world) {
            actions.push(Action::Again);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = *last;
        match action {
            Action::Write { whose, bucket } => world.write(whose, bucket),
            Action::Acquire { slot } => {
                // Where nobody holds it, it can always be had: else a move could stay where it is.
                if world.standing(world.catalog.current().token).is_some() {
                    world.left.takeovers -= 1;
                }
                world.acquire(slot, self.twin);
            }
            Action::Act { slot, .. } => world.act(slot, self.twin),
            Action::Cancel => Self::cancel(&mut world),
            Action::Again => Self::plan(&mut world)?,
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
            Property::always(ONE_PLACE, |_, world: &World| {
                (0..BUCKETS).filter(|bucket| world.is_open(USER, *bucket)).count() <= 1
            }),
            // Whoever knows of the commit waits for the activation like everybody else.
            Property::always(PAUSE, |_, world: &World| {
                let fenced = |bucket: &Bucket| bucket.owner.is_some_and(|row| row.state == State::Fenced);
                !world.buckets.iter().any(fenced) || (0..BUCKETS).all(|bucket| !world.is_open(USER, bucket))
            }),
            // Reads go by the catalog, so this holds at all times, not only where the bucket takes writes.
            Property::always(NOTHING_LOST, |_, world: &World| {
                let row = |whose: usize, bucket: usize| world.buckets[bucket].rows[whose];
                row(USER, world.catalog.user) >= world.acknowledged[USER]
                    && row(NEIGHBOUR, SHARED) >= world.acknowledged[NEIGHBOUR]
            }),
            Property::always(NO_REPEAT, |_, world: &World| world.fault != Some(Fault::VersionRepeated)),
            Property::always(FOUND, |_, world: &World| {
                let maps = [Some(world.catalog.user), world.catalog.before];
                maps.into_iter().flatten().all(|bucket| world.buckets[bucket].rows[USER] != 0)
            }),
            Property::always(NOT_REFUSED, |_, world: &World| world.fault != Some(Fault::RightfulHolderRefused)),
            Property::always(CLEAN_END, |_, world: &World| !world.catalog.is_at_rest() || world.is_clean()),
            Property::always(ENDS, |model: &Self, world: &World| model.ends(*world)),
            Property::sometimes("done", |_, world: &World| world.catalog.last.step == Step::Done),
        ];
        if self.limits.cancels > 0 {
            properties.push(Property::sometimes("undone", |_, world: &World| world.catalog.last.step == Step::Undone));
        }
        if self.limits.further_moves > 0 {
            properties.push(Property::sometimes("where it came from", |model: &Self, world: &World| {
                world.catalog.last.step == Step::Done && world.catalog.last.plan.way != model.way
            }));
        }
        properties
    }
}
