//! The suite of every engine.

use queue::contract::Rig;

use crate::broker::on_broker;

fn run(law: impl AsyncFnOnce(Rig)) {
    on_broker(async |world, _| {
        let (queue, workers, closing) = (world.publisher(), world.clone(), world.soft.clone());
        law(Rig {
            queue: Box::new(queue),
            consumer: Box::new(move || Box::new(workers.consumer(4))),
            close: Box::new(move || closing.cancel()),
            keep: Box::new(()),
        })
        .await;
    });
}

queue::contract_tests!(run);
