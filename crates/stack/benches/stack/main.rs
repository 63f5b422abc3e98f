//! Figures of the whole stack on loopback, beside `myriad serve` in the same run: time to ready, memory and work at rest, operations a
//! second, p50 and p99, processor time a request by who took it, and what a GET that no cache answers takes beside pgbench.
//! Figures only; nothing here passes or fails.
//!
//! `bench/stack`, which builds the services first.

mod operation;
mod pgbench;
mod report;
mod rest;
mod shape;
mod uncached;

use anyhow::Result;
use operation::Operation;
use shape::Shape;
use stack::Stack;
use tempfile::TempDir;
use testkit::{Options, Server};

const CONNECTIONS: [usize; 3] = [1, 16, 64];

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let directory = TempDir::with_prefix("myriad-bench-")?;
        let mut stack = rest::start(directory.path()).await?;
        let measured = measure(&mut stack).await;
        stack.stop().await?;
        measured
    })
}

async fn measure(stack: &mut Stack) -> Result<()> {
    let whole = Shape::stack(stack).await?;
    rest::measure(stack, &whole).await?;
    let server = Server::start(Options::new(stack.layout().options.binaries.join("myriad"))).await?;
    let one = Shape::one_process(&server).await?;
    report::head();
    for operation in Operation::ALL {
        for connections in CONNECTIONS {
            for shape in [&whole, &one] {
                report::row(operation.name(), connections, shape, &operation.measure(shape, connections).await?);
            }
        }
    }
    uncached::measure(stack, &whole).await
}
