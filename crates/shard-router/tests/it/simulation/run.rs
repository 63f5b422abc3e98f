//! One run: a calm beginning, a storm, calm again, and what has come of it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::growth::v1::{AddShardRequest, Control, ControlMovesRequest};
use model::simulation::StandIn;
use tokio::runtime::Builder;
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::check::{self, Moves};
use super::dice::Dice;
use super::operator::{SHARDS, operate};
use super::people::{LAST_WRITES, Person};
use super::reaper::{start, trouble};
use super::sabotage::Kind;
use super::world::{ROUTERS, World};

const PEOPLE: usize = 3;
const STORM: Duration = Duration::from_secs(25);
/// Everything has ended so long after the storm.
const LIMIT: Duration = Duration::from_secs(90);
/// When a simulation begins, in milliseconds since 1970.
const BEGINNING: i64 = 1_700_000_000_000;

thread_local! {
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
    static CHANCE: RefCell<Dice> = RefCell::new(Dice::new(0, ""));
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    pub log: String,
    /// Sentences; empty where all is well.
    pub faults: Vec<String>,
    pub moves: Moves,
    /// Why moves went back.
    pub reasons: Vec<String>,
    pub acknowledged: u64,
    /// Calls and processes that something befell.
    pub troubles: u64,
    pub virtual_time: Duration,
}

/// Runs a seed on this thread, in virtual time.
pub fn run(seed: u64, sabotage: Kind) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let world = {
        let _inside = runtime.enter();
        World::new(seed, sabotage)
    };
    CHANCE.set(Dice::new(seed, "everybody"));
    model::simulation::put(Some(StandIn { now_ms, fill }));
    let whole = AssertUnwindSafe(|| runtime.block_on(whole(&world)));
    let mut outcome = catch_unwind(whole).unwrap_or_else(|cause| {
        let said = cause.downcast_ref::<String>().map_or("?", String::as_str);
        Outcome { faults: vec![format!("the run panicked: {said}")], ..Outcome::default() }
    });
    outcome.seed = seed;
    outcome.log = world.journal.take();
    world.end();
    drop(runtime);
    model::simulation::put(None);
    outcome
}

async fn whole(world: &World) -> Outcome {
    BEGUN.set(Some(Instant::now()));
    begin(world).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let person = Person::join(world, number, PEOPLE).await;
        person.settle().await;
        people.push(person);
    }
    world.begin_storm(STORM);
    let (tasks, stop) = (TaskTracker::new(), Arc::new(AtomicBool::new(false)));
    let people: Vec<_> = people.into_iter().map(|person| tasks.spawn(person.live(Arc::clone(&stop)))).collect();
    let mut storm: Vec<_> = (0..ROUTERS).map(|number| tasks.spawn(trouble(world.clone(), number))).collect();
    storm.push(tasks.spawn(operate(world.clone())));
    for task in storm {
        task.await.unwrap();
    }
    let mut faults = Vec::new();
    if !all_end(world).await {
        faults.extend(check::told(
            world,
            "SELECT id, step, error FROM move WHERE step NOT IN ('done', 'undone', 'reverted')",
        ));
    }
    stop.store(true, Ordering::Relaxed);
    for person in people {
        match timeout(LAST_WRITES, person).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => faults.push(format!("a writer fell: {error}")),
            Err(_) => faults.push("a writer does not come to its end".to_owned()),
        }
    }
    faults.extend(check::check(world).await);
    Outcome {
        faults,
        moves: check::moves(world).0,
        reasons: check::told(world, "SELECT id, step, error FROM move WHERE step = 'undone'"),
        acknowledged: world.books.acknowledged(),
        troubles: world.faults(),
        virtual_time: BEGUN.get().unwrap().elapsed(),
        ..Outcome::default()
    }
}

/// Two shards with all the buckets, a small one with none yet, and two routers.
async fn begin(world: &World) {
    start(world, 0, 0).await;
    let mut growth = world.operators(0).unwrap();
    let small = AddShardRequest {
        location: "shards/small.db".to_owned(),
        name: SHARDS[2].to_owned(),
        ..AddShardRequest::default()
    };
    growth.add_shard(small).await.unwrap();
    // Its share is a handful of buckets, or a rebalance would be all that there is.
    let catalog = world.any_router(0).unwrap().1;
    let edit = |parts: &mut topology::Parts| {
        for shard in &mut parts.shards {
            shard.weight = if shard.name == SHARDS[2] { 2 } else { 500 };
        }
    };
    catalog.change(catalog.current().version(), edit).await.unwrap();
    start(world, 1, 0).await;
}

/// Lets go of what is held and waits until no move is under way.
async fn all_end(world: &World) -> bool {
    let begun = Instant::now();
    let mut growth = world.operators(0).unwrap();
    let resume = ControlMovesRequest { control: Control::Resume.into(), id: 0, operation: String::new() };
    growth.control_moves(resume).await.unwrap();
    while check::moves(world).1 > 0 {
        if begun.elapsed() > LIMIT {
            return false;
        }
        sleep(Duration::from_millis(100)).await;
    }
    true
}

fn now_ms() -> i64 {
    let begun = BEGUN.get().map_or(Duration::ZERO, |begun| begun.elapsed());
    BEGINNING + i64::try_from(begun.as_millis()).unwrap()
}

fn fill(bytes: &mut [u8]) {
    CHANCE.with_borrow_mut(|dice| dice.fill(bytes));
}
