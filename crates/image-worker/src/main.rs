//! The worker as a process of its own; as `image-worker transform`, the process that touches one picture.

use std::process::ExitCode;

use anyhow::Result;
use image_worker::{App, Collaborators, Config, transform};
use objects::Objects;
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
        objects: Objects::local(&config.objects_dir)?,
        consumer: config.queue.consumer()?,
    };
    App::build(&config.worker, collaborators)?.run(&process.shutdown);
    gate.open();
    Ok(())
}
