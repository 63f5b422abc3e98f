//! The stack's start, and what it takes when nobody asks for anything.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use stack::{Options, Stack};
use testkit::bench::resident;

use crate::{
    report::of,
    shape::{GROUPS, Shape, between},
};

const REST: Duration = Duration::from_secs(5);
/// What a service may hold at rest, in MiB.
const BAR_MIB: f64 = 25.0;

/// Starts the stack and says how long that took, then how much memory each service holds after a while of nothing.
pub async fn start(directory: &Path) -> Result<Stack> {
    let options = Options::new(directory)?;
    let started = Instant::now();
    let mut engines = 0;
    let mut stack = Stack::start(options, |_, ms| engines = if engines == 0 { ms } else { engines }).await?;
    println!("stack-up to ready: {} ms, of these {engines} ms for the engines", started.elapsed().as_millis());
    tokio::time::sleep(REST).await;
    memory(&mut stack, "memory after 5 s at rest")?;
    Ok(stack)
}

/// The same after the people have signed up and in, and the processor time that the stack takes at rest.
pub async fn measure(stack: &mut Stack, shape: &Shape) -> Result<()> {
    // Longer than idle hashing threads keep their memory.
    tokio::time::sleep(REST * 2).await;
    memory(stack, "memory after 128 sign-ups and sign-ins and 10 s at rest")?;
    let before = shape.usage()?;
    tokio::time::sleep(REST).await;
    let usage = between(&before, &shape.usage()?);
    let parts =
        GROUPS.map(|(name, _)| format!("{name} {:.1}", of(&usage, name).as_secs_f64() * 1e3 / REST.as_secs_f64()));
    println!("processor time at rest, ms a second: {}", parts.join(", "));
    Ok(())
}

fn memory(stack: &mut Stack, when: &str) -> Result<()> {
    let names: Vec<_> = stack.layout().places.iter().map(|place| place.name.clone()).collect();
    let mut parts = Vec::new();
    for name in names {
        let pid = stack.member(&name)?.pid().with_context(|| format!("{name} has ended"))?;
        parts.push(format!("{name} {:.1}", resident(pid, "VmRSS")?));
    }
    println!("{when}, MiB of RSS (bar: {BAR_MIB:.0} a service): {}", parts.join(", "));
    Ok(())
}
