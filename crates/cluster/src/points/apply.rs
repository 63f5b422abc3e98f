//! 1. `kubectl apply -k` once on nothing: everything ready, the main job done, applied again nothing changes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
};

use super::Context;
use crate::kube::{DEPLOYMENTS, ENGINES};

/// R6 R75
pub async fn from_nothing(context: &Context) -> Result<String> {
    let (kube, overlay) = (&context.kube, context.arguments.overlay.as_str());
    kube.run(&["delete", "namespace", &context.arguments.namespace, "--ignore-not-found", "--timeout=120s"]).await?;
    let begun = Instant::now();
    kube.run(&["apply", "-k", overlay]).await?;
    for engine in ENGINES {
        kube.rolled_out(&format!("statefulset/{engine}")).await?;
    }
    for deployment in DEPLOYMENTS {
        kube.rolled_out(&format!("deployment/{deployment}")).await?;
    }
    let ready = begun.elapsed();
    ensure!(ready <= Duration::from_secs(180), "all pods ready only after {} s", ready.as_secs());
    let restarts = restarts(context).await?;
    ensure!(restarts == 0, "containers were restarted {restarts} times");
    let demo = demo(context).await?;
    let again = kube.run(&["apply", "-k", overlay]).await?;
    let changed: Vec<&str> = again.lines().filter(|line| !line.ends_with(" unchanged")).collect();
    ensure!(changed.is_empty(), "applied again, these changed: {changed:?}");
    let memory = memory(context).await?;
    Ok(format!("ready after {} s, 0 restarts, demo {demo:.1} s, applied again: unchanged; idle {memory}", ready.as_secs()))
}

async fn restarts(context: &Context) -> Result<u64> {
    let pods = context.kube.json(&["get", "pods", "-o", "json"]).await?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    let statuses = pods.iter().flat_map(|pod| pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default());
    Ok(statuses.map(|status| status["restartCount"].as_u64().unwrap_or(0)).sum())
}

/// The main job by the product's own program. Pictures have URLs of the public address: where that is not mapped to the node port, as
/// `deploy/kind.yaml` does it, it is here for as long as the demo takes.
async fn demo(context: &Context) -> Result<f64> {
    let (url, address) = (format!("http://{}", context.arguments.address), context.arguments.address.clone());
    let mapped = TcpListener::bind("127.0.0.1:8080").await.ok().map(|listener| tokio::spawn(map(listener, address)));
    let begun = Instant::now();
    let ended = Command::new(&context.arguments.myriad).args(["demo", "--url", &url]).output().await;
    let took = begun.elapsed();
    if let Some(mapped) = mapped {
        mapped.abort();
    }
    let ended = ended.with_context(|| format!("{} is not there", context.arguments.myriad))?;
    let said = [ended.stdout, ended.stderr].concat();
    ensure!(ended.status.success(), "the demo failed: {}", String::from_utf8_lossy(&said));
    Ok(took.as_secs_f64())
}

async fn map(listener: TcpListener, to: String) {
    while let Ok((mut from, _)) = listener.accept().await {
        let to = to.clone();
        tokio::spawn(async move {
            if let Ok(mut to) = TcpStream::connect(&to).await {
                let _ = copy_bidirectional(&mut from, &mut to).await;
            }
        });
    }
}

/// By the cluster's own metrics, which take a while to come.
async fn memory(context: &Context) -> Result<String> {
    let mut lines = String::new();
    for _ in 0..40 {
        lines = context.kube.run(&["top", "pods", "--no-headers"]).await.unwrap_or_default();
        if lines.lines().count() >= 16 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let (mut all, mut ours) = (0, 0);
    for line in lines.lines() {
        let mut fields = line.split_whitespace();
        let pod = fields.next().unwrap_or_default();
        let mib: u64 = fields.nth(1).and_then(|text| text.strip_suffix("Mi")?.parse().ok()).unwrap_or(0);
        all += mib;
        if DEPLOYMENTS.iter().any(|name| pod.starts_with(name)) {
            ours += mib;
        }
    }
    ensure!(all > 0, "kubectl top pods says nothing: is there a metrics server?");
    Ok(format!("{all} MiB in all (bar 900), {ours} ours (bar 150)"))
}
