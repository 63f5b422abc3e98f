//! Whatever is cut off, held up and let go in whatever order: after the sweeper no address is lost, doubled or stuck.

use std::{collections::VecDeque, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use testkit::engines::ShardEngine;
use tokio::{
    runtime::Handle,
    task::{JoinHandle, block_in_place},
};

use crate::{
    halts::Held,
    world::{World, person},
};

const ADDRESSES: [&str; 3] = ["x@example.com", "y@example.com", "z@example.com"];
const SIGN_UP: [&str; 2] = ["signup-after-reserve", "signup-after-create"];
const CHANGE: [&str; 3] = ["email-change-after-reserve", "email-change-after-update", "email-change-after-confirm"];
const DELETE: &str = "delete-after-tombstone";
/// The sweeper, or whoever gives a claim back, with its decision made and nothing done yet.
const SWEEP: &str = "settle-before-release";

#[derive(Debug, Clone)]
enum Action {
    /// Somebody signs up with an address.
    SignUp {
        address: usize,
        hold: Option<usize>,
    },
    /// Whoever lives at the place in the list of users takes an address.
    Change {
        user: usize,
        address: usize,
        hold: Option<usize>,
    },
    Delete {
        user: usize,
        hold: bool,
    },
    /// The sweeper comes, as if much later.
    Sweep {
        hold: bool,
    },
    /// What was held first goes on.
    Release,
    /// What was held first never goes on.
    Crash,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let hold = |points| proptest::option::weighted(0.6, 0..points);
    let action = prop_oneof![
        4 => (0..3_usize, hold(2_usize)).prop_map(|(address, hold)| Action::SignUp { address, hold }),
        4 => (0..4_usize, 0..3_usize, hold(3_usize)).prop_map(|(user, address, hold)| Action::Change { user, address, hold }),
        1 => (0..4_usize, any::<bool>()).prop_map(|(user, hold)| Action::Delete { user, hold }),
        3 => any::<bool>().prop_map(|hold| Action::Sweep { hold }),
        3 => Just(Action::Release),
        1 => Just(Action::Crash),
    ];
    prop::collection::vec(action, 4..12)
}

struct Stopped {
    held: Held,
    task: JoinHandle<()>,
    /// Whether it may stay there for good; the dispatcher may not, since the end waits for it.
    may_die: bool,
}

impl Stopped {
    async fn go_on(self) {
        self.held.release();
        self.task.await.unwrap();
    }
}

/// Starts a call; where a point is given, waits until it is held there or has ended without coming by.
async fn start(
    world: &World,
    point: Option<&'static str>,
    call: impl Future<Output = ()> + Send + 'static,
) -> Option<Stopped> {
    let Some(point) = point else {
        call.await;
        return None;
    };
    let mut held = world.halts.at(point);
    let mut task = tokio::spawn(call);
    let arrived = tokio::select! {
        arrived = held.arrived() => arrived,
        _ = &mut task => false,
    };
    world.halts.open(point);
    arrived.then_some(Stopped { held, task, may_die: point != SWEEP })
}

async fn play(world: &Arc<World>, actions: Vec<Action>) {
    let mut stopped = VecDeque::new();
    for action in actions {
        let live = world.live().await;
        let started = match action {
            Action::SignUp { address, hold } => {
                let mut users = world.users.clone();
                let call = async move { drop(users.create_user(person(ADDRESSES[address])).await) };
                start(world, hold.map(|at| SIGN_UP[at]), call).await
            }
            Action::Change { user, address, hold } if user < live.len() => {
                let mut users = world.users.clone();
                let request = api::user::v1::UpdateUserRequest {
                    user_id: live[user].0,
                    email: Some(ADDRESSES[address].to_owned()),
                    ..Default::default()
                };
                start(world, hold.map(|at| CHANGE[at]), async move {
                    drop(users.update_user(request).await);
                })
                .await
            }
            Action::Delete { user, hold } if user < live.len() => {
                let mut users = world.users.clone();
                let request = api::user::v1::DeleteUserRequest { user_id: live[user].0, if_version: None };
                start(world, hold.then_some(DELETE), async move {
                    drop(users.delete_user(request).await);
                })
                .await
            }
            Action::Change { .. } | Action::Delete { .. } => None,
            Action::Sweep { hold } => {
                let swept = Arc::clone(world);
                start(world, hold.then_some(SWEEP), async move { swept.sweep_late().await }).await
            }
            Action::Release => {
                if let Some(first) = stopped.pop_front() {
                    Stopped::go_on(first).await;
                }
                None
            }
            Action::Crash => stopped.pop_front().filter(|first| !first.may_die),
        };
        stopped.extend(started);
        doubled_by_nobody(world).await;
    }
    while let Some(last) = stopped.pop_back() {
        last.go_on().await;
        doubled_by_nobody(world).await;
    }
    world.sweep_late().await;
    world.outbox_is_empty().await;
    world.assert_every_address_has_one_user().await;
}

/// Holds at every moment: no two live users with one address.
async fn doubled_by_nobody(world: &World) {
    let mut addresses: Vec<_> = world.live().await.into_iter().map(|(_, email)| email).collect();
    let all = addresses.len();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), all, "an address is doubled");
}

async fn no_address_is_lost_doubled_or_stuck(engine: ShardEngine) {
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]);
    let mut runner = TestRunner::new_with_rng(config, seed);
    let play_one = |actions| {
        Handle::current().block_on(async {
            let world = Arc::new(World::new(engine, 2).await);
            world.run();
            play(&world, actions).await;
            world.end().await;
        });
        Ok(())
    };
    let outcome = block_in_place(|| runner.run(&actions(), play_one));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

testkit::on_both_engines! {
    no_address_is_lost_doubled_or_stuck,
}
