//! 2. Three gateways share the load evenly, a fourth has its part within seconds, one that dies is not missed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, stream};
use testkit::bench::{Connection, get};

use super::Context;
use crate::load::Load;

const REQUESTS: usize = 10_000;
const COUNTER: &str = "http_server_request_duration_seconds_count";

/// R10 R12 R13
pub async fn even_grows_heals(context: &Context) -> Result<String> {
    let kube = &context.kube;
    kube.scale("deployment/gateway", 3).await?;
    let pods = kube.settled("gateway", 3).await?;
    let people = context.people(8).await;
    let mut before = Vec::new();
    for pod in &pods {
        before.push(kube.counter(pod, COUNTER).await?);
    }
    // A connection each: a kept one stays with its pod, as with every balancer of connections.
    let request = get(&people[0].path());
    let sent = stream::iter(0..REQUESTS).map(|_| once(&context.arguments.address, &request)).buffer_unordered(16);
    let failed = sent.filter(|answer| std::future::ready(!matches!(answer, Ok(200)))).count().await;
    ensure!(failed == 0, "{failed} of {REQUESTS} requests failed");
    let mut shares = Vec::new();
    for (pod, before) in pods.iter().zip(before) {
        shares.push(kube.counter(pod, COUNTER).await? - before);
    }
    let even = 10_000.0 / 3.0;
    let worst = shares.iter().map(|share| (share - even).abs() / even * 100.0).fold(0.0, f64::max);
    ensure!(worst <= 5.0, "shares {shares:?}: {worst:.1} % off");

    let begun = Instant::now();
    kube.scale("deployment/gateway", 4).await?;
    let joined = served_by_a_new_one(context, &pods, &request, begun).await?;

    let load = Load::start(&context.arguments.address, &people, 150);
    load.until(300).await;
    let (victim, at) = (kube.ready("gateway").await?.swap_remove(0), load.begun.elapsed());
    kube.kill(&victim).await?;
    load.until(load.seen.answered() + 1500).await;
    let failures = load.seen.failures();
    let window = Duration::from_secs(2);
    let late: Vec<_> = failures.iter().filter(|(since, ..)| *since > at + window).collect();
    ensure!(late.is_empty(), "failed later than {window:?} after the pod was deleted: {late:?}");
    let figures = format!(
        "shares {shares:?}, {worst:.1} % off (bar 5); a fourth served after {:.1} s (bar 10); one deleted: {} failed within 2 s, 0 after",
        joined.as_secs_f64(),
        failures.len()
    );
    load.end(&context.api).await?;
    kube.scale("deployment/gateway", 3).await?;
    kube.settled("gateway", 3).await?;
    Ok(figures)
}

async fn once(address: &str, request: &[u8]) -> Result<u16> {
    Connection::open(address).await?.exchange(request).await
}

async fn served_by_a_new_one(context: &Context, known: &[String], request: &[u8], begun: Instant) -> Result<Duration> {
    loop {
        for _ in 0..20 {
            once(&context.arguments.address, request).await?;
        }
        for pod in context.kube.ready("gateway").await? {
            if !known.contains(&pod) && context.kube.counter(&pod, COUNTER).await? > 0.0 {
                return Ok(begun.elapsed());
            }
        }
        ensure!(begun.elapsed() < Duration::from_secs(10), "a new gateway has not served within 10 s");
    }
}
