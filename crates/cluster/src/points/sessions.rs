//! 4. A session that began at one gateway is one at all; Redis gone, nobody is signed out.

use std::time::Instant;

use anyhow::{Result, ensure};
use testkit::bench::{Connection, get_as};

use super::Context;
use crate::load::Load;

const CALLS: usize = 1000;
const COUNTER: &str = "http_server_request_duration_seconds_count";

/// R41 R42 R27
pub async fn everywhere(context: &Context) -> Result<String> {
    let kube = &context.kube;
    let pods = kube.ready("gateway").await?;
    let people = context.people(8).await;
    let mut before = Vec::new();
    for pod in &pods {
        before.push(kube.counter(pod, COUNTER).await?);
    }
    let request = get_as(&people[0])(0).unwrap_or_default();
    for call in 0..CALLS {
        // Each over a connection of its own, and so at any gateway.
        let status = Connection::open(&context.arguments.address).await?.exchange(&request).await?;
        ensure!(status == 200, "call {call} was answered {status}");
    }
    let mut shares = Vec::new();
    for (pod, before) in pods.iter().zip(before) {
        shares.push(kube.counter(pod, COUNTER).await? - before);
    }
    ensure!(shares.iter().all(|share| *share > 0.0), "not every gateway was asked: {shares:?}");

    let load = Load::start(&context.arguments.address, &people, 100);
    load.until(200).await;
    let begun = Instant::now();
    kube.kill("redis-0").await?;
    load.until(400).await;
    kube.rolled_out("statefulset/redis").await?;
    let back = begun.elapsed();
    load.until(load.seen.answered() + 500).await;
    let (seen, _) = (load.seen.clone(), load.end(&context.api).await?);
    let text = seen.spotless()?;
    Ok(format!(
        "{CALLS} calls at {shares:?}, all 200; Redis' pod deleted, back after {:.1} s: {text}",
        back.as_secs_f64()
    ))
}
