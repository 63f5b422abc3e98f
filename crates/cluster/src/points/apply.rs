//! 1. `kubectl apply -k` once on nothing: everything ready, the main job done, applied again nothing changes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinSet,
};

use super::Context;
use crate::kube::{DEPLOYMENTS, ENGINES};

/// R6 R75
pub async fn from_nothing(context: &Context) -> Result<String> {
    let (kube, overlay) = (&context.kube, context.arguments.overlay.as_str());
    delete_namespace(context).await?;
    let begun = Instant::now();
    kube.run(&["apply", "-k", overlay]).await?;
    for engine in ENGINES {
        kube.rolled_out(&format!("statefulset/{engine}")).await?;
    }
    for deployment in DEPLOYMENTS {
        kube.rolled_out(&format!("deployment/{deployment}")).await?;
    }
    let ready = begun.elapsed();
    ensure!(ready <= Duration::from_mins(3), "all pods ready only after {} s", ready.as_secs());
    let restarts = restarts(context).await?;
    ensure!(restarts == 0, "containers were restarted {restarts} times");
    let demo = demo(context).await?;
    // kubectl calls an object configured where the server adds defaults to a list; whether it is another one its version tells.
    let before = versions(context).await?;
    kube.run(&["apply", "-k", overlay]).await?;
    let after = versions(context).await?;
    let changed: Vec<_> = after.iter().filter(|version| !before.contains(version)).collect();
    ensure!(changed.is_empty() && before.len() == after.len(), "applied again, these changed: {changed:?}");
    let memory = memory(context).await?;
    Ok(format!(
        "ready after {} s, 0 restarts, demo {demo:.1} s, applied again: {} objects, none changed; idle {memory}",
        ready.as_secs(),
        after.len()
    ))
}

/// Every object of ours with the generation of what is wanted or, where that is not counted, the version.
async fn versions(context: &Context) -> Result<Vec<String>> {
    let kinds =
        "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets";
    let objects = context.kube.json(&["get", kinds, "-o", "json"]).await?;
    let version = |object: &serde_json::Value| {
        let (kind, metadata) = (&object["kind"], &object["metadata"]);
        let generation = &metadata["generation"];
        let version = if generation.is_null() { &metadata["resourceVersion"] } else { generation };
        format!("{kind}/{}: {version}", metadata["name"])
    };
    Ok(objects["items"].as_array().map(|items| items.iter().map(version).collect()).unwrap_or_default())
}

/// Only one that the local overlay has made: the context may be of a cluster in which people live.
async fn delete_namespace(context: &Context) -> Result<()> {
    let (kube, name) = (&context.kube, context.arguments.namespace.as_str());
    let label = ["get", "namespace", name, "--ignore-not-found", "-o", "jsonpath={.metadata.name} {.metadata.labels}"];
    let found = kube.run(&label).await?;
    if found.trim().is_empty() {
        return Ok(());
    }
    ensure!(
        found.contains("\"myriad.example/environment\":\"local\""),
        "namespace {name} is not of the local overlay (no label myriad.example/environment=local): it is not deleted. Is this the right context?"
    );
    kube.run(&["delete", "namespace", name, "--timeout=120s"]).await.map(drop)
}

async fn restarts(context: &Context) -> Result<u64> {
    let pods = context.kube.json(&["get", "pods", "-o", "json"]).await?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    let statuses =
        pods.iter().flat_map(|pod| pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default());
    Ok(statuses.map(|status| status["restartCount"].as_u64().unwrap_or(0)).sum())
}

/// The main job by the product's own program. Pictures have URLs of the public address: where that is not mapped to the node port, as
/// `deploy/kind.yaml` does it, it is here for as long as the demo takes.
async fn demo(context: &Context) -> Result<f64> {
    let (url, address) = (format!("http://{}", context.arguments.address), context.arguments.address.clone());
    let mut mapped = JoinSet::new();
    if let Ok(listener) = TcpListener::bind("127.0.0.1:8080").await {
        mapped.spawn(map(listener, address));
    }
    let begun = Instant::now();
    let ended = Command::new(&context.arguments.myriad).args(["demo", "--url", &url]).output().await;
    let took = begun.elapsed();
    mapped.shutdown().await;
    let ended = ended.with_context(|| format!("{} is not there", context.arguments.myriad))?;
    let said = [ended.stdout, ended.stderr].concat();
    ensure!(ended.status.success(), "the demo failed: {}", String::from_utf8_lossy(&said));
    Ok(took.as_secs_f64())
}

async fn map(listener: TcpListener, to: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut from, _)) = listener.accept().await {
        let to = to.clone();
        connections.spawn(async move {
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
