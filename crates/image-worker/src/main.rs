//! The worker as a process of its own; as `image-worker transform`, the process that touches one picture.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, Result};
use image_worker::{App, Collaborators, Config, transform};
use objects::Objects;
use queue_rabbitmq::Consumer;
use runtime::process::Process;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == transform::COMMAND) {
        return transform::main();
    }
    runtime::process::main("image-worker", build)
}

async fn build(config: Config, process: Process) -> Result<()> {
    let gate = process.ready.gate("worker");
    let listener = tokio::net::TcpListener::bind(config.ops).await?;
    let router = runtime::ops::router(process.ready.clone(), process.metrics.clone(), process.shutdown.clone());
    runtime::ops::serve(listener, router, &process.shutdown);
    let collaborators = Collaborators {
        images: runtime::grpc::connect(&config.user_service)?.identified("image-worker", &config.service_key),
        objects: Objects::open(&config.objects, Path::new("myriad-data/objects"))?,
        consumer: Box::new(consumer(&config, &process)?),
    };
    App::build(&config.worker, collaborators)?.run(&process.shutdown);
    gate.open();
    Ok(())
}

fn consumer(config: &Config, process: &Process) -> Result<Consumer> {
    let rabbitmq = config.rabbitmq.as_ref().context(
        "rabbitmq is not set: name the broker that jobs come from, or run `myriad serve`, which has a worker inside",
    )?;
    // One more than are worked on, so that the next is here when one ends.
    let prefetch = u16::try_from(config.worker.jobs() + 1).unwrap_or(u16::MAX);
    Ok(Consumer::start(rabbitmq, prefetch, &process.shutdown.soft, &process.shutdown.tasks)?)
}
