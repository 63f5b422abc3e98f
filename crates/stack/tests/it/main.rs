//! Drills on the whole stack: every engine and every service a real process, one stack for all of them, one drill at a time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a drill fails by panicking, and its tasks end with it"
)]

mod balance;
mod collector;
mod doubt;
mod faults;
mod graceful;
mod jobs;
mod load;
mod photos;
mod report;
mod stateful;
mod trace;

use std::{process::ExitCode, sync::Arc};

use collector::Collector;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use stack::{Options, Stack};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// The stack, and the collector that its traces go to.
pub struct World {
    /// Everything that runs.
    pub stack: Stack,
    /// Where its spans go.
    pub collector: Collector,
    _directory: TempDir,
}

impl World {
    async fn start() -> Self {
        let collector = Collector::start().await;
        let directory = TempDir::with_prefix("myriad-stack-").unwrap();
        let options = Options { otlp: collector.endpoint(), wire: true, ..Options::new(directory.path()).unwrap() };
        let stack = Stack::start(options, |name, ms| println!("{ms:>6} ms  {name} is ready")).await.unwrap();
        Self { stack, collector, _directory: directory }
    }
}

type Drill = for<'w> fn(&'w mut World) -> LocalBoxFuture<'w, ()>;

/// Drills in the order in which they are run: what changes the stack comes late.
fn drills() -> Vec<(&'static str, Drill)> {
    vec![
        ("trace::one_trace_goes_through_every_service", |world| {
            Box::pin(trace::one_trace_goes_through_every_service(world))
        }),
        ("trace::one_request_id_is_in_every_log", |world| Box::pin(trace::one_request_id_is_in_every_log(world))),
        ("stateful::state_in_a_server_signs_people_out_and_stickiness_only_hides_it", |world| {
            Box::pin(stateful::state_in_a_server_signs_people_out_and_stickiness_only_hides_it(world))
        }),
        ("balance::requests_are_spread_evenly", |world| Box::pin(balance::requests_are_spread_evenly(world))),
        ("jobs::a_broker_and_a_worker_that_die_lose_no_job", |world| {
            Box::pin(jobs::a_broker_and_a_worker_that_die_lose_no_job(world))
        }),
        ("graceful::no_request_fails_while_services_are_replaced", |world| {
            Box::pin(graceful::no_request_fails_while_services_are_replaced(world))
        }),
        ("doubt::a_commit_in_doubt_has_one_effect", |world| Box::pin(doubt::a_commit_in_doubt_has_one_effect(world))),
        ("faults::the_table", |world| Box::pin(faults::the_table(world))),
        ("faults::a_database_that_acknowledges_too_early_is_caught", |world| {
            Box::pin(faults::a_database_that_acknowledges_too_early_is_caught(world))
        }),
        ("balance::a_third_gateway_gets_its_share", |world| Box::pin(balance::a_third_gateway_gets_its_share(world))),
    ]
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    let world: Arc<Mutex<Option<World>>> = Arc::default();
    let trials = drills().into_iter().map(|(name, drill)| {
        let (runtime, world) = (runtime.clone(), world.clone());
        Trial::test(name, move || {
            runtime.block_on(async {
                let mut slot = world.lock().await;
                if slot.is_none() {
                    *slot = Some(World::start().await);
                }
                drill(slot.as_mut().unwrap()).await;
            });
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // The members are children: they must be gone before the process ends without unwinding.
    runtime.block_on(async {
        if let Some(world) = world.lock().await.take() {
            let _ = world.stack.stop().await;
        }
    });
    conclusion.exit_code()
}
