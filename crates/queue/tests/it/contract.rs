//! The in-process engine against the suite of every engine. // R52

use queue::{Consumer, InProcess, contract::Rig};

fn run(law: impl AsyncFnOnce(Rig)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (queue, consumer) = InProcess::new(4);
        let closing = queue.clone();
        law(Rig {
            queue: Box::new(queue),
            consumer: Box::new(move || Box::new(consumer.clone()) as Box<dyn Consumer>),
            close: Box::new(move || closing.close()),
            keep: Box::new(()),
        })
        .await;
    });
}

queue::contract_tests!(run);
