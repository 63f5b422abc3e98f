//! What befalls the routers: killed and started again, ended in order, stopped for longer than a lease and let go on as one who does not know.

use tokio::time::sleep;

use super::dice::Dice;
use super::router::Router;
use super::world::World;

/// Troubles one router until the storm is over.
pub async fn trouble(world: World, number: usize) {
    let mut dice = Dice::new(world.seed, &format!("trouble of router {number}"));
    let mut life = 0;
    while world.is_stormy() {
        sleep(dice.ms(300, 6_000)).await;
        match dice.below(10) {
            0..4 => {
                let Some(router) = world.take_router(number) else { continue };
                world.note_fault(&format!("{} is stopped", router.process.name));
                let process = std::sync::Arc::clone(&router.process);
                world.put_router(number, router);
                process.stop();
                sleep(dice.ms(100, 5_000)).await;
                world.journal.note("trouble", format_args!("{} goes on", process.name));
                process.go_on();
            }
            kind => {
                let Some(router) = world.take_router(number) else { continue };
                world.note_fault(&format!("{} {}", router.process.name, if kind < 8 { "is killed" } else { "ends" }));
                if kind < 8 {
                    router.kill();
                } else {
                    router.end().await;
                }
                life += 1;
                sleep(dice.ms(20, 2_000)).await;
                start(&world, number, life).await;
            }
        }
    }
}

/// Starts a router, again and again while its databases are away.
pub async fn start(world: &World, number: usize, life: u32) {
    let mut tries = 0;
    loop {
        tries += 1;
        // Each try is a process of its own: its calls are told apart from those of the one before.
        match Router::start(world, format!("router-{number}.{life}.{tries}")).await {
            Ok(router) => {
                world.journal.note("trouble", format_args!("{} has started", router.process.name));
                return world.put_router(number, router);
            }
            Err(error) => world.journal.note("trouble", format_args!("router-{number} does not start: {error}")),
        }
        sleep(std::time::Duration::from_millis(300)).await;
    }
}
