//! What the suite asks of Kubernetes, by `kubectl` in the current context: the same commands that a person would give.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Every Deployment of ours.
pub const DEPLOYMENTS: [&str; 5] = ["shard-router", "user-service", "session-service", "image-worker", "gateway"];
/// Every `StatefulSet` of the local overlay.
pub const ENGINES: [&str; 5] = ["catalog", "shard", "redis", "rabbitmq", "objects"];

/// One namespace.
#[derive(Debug, Clone)]
pub struct Kube {
    namespace: String,
}

impl Kube {
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned() }
    }

    /// `kubectl ARGUMENTS` in the namespace; what it printed.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.fed(arguments, None).await
    }

    /// The same with something to read.
    pub async fn fed(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let said = || format!("kubectl {}", arguments.join(" "));
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = Command::new("kubectl")
            .args(["-n", &self.namespace])
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("kubectl is not there")?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input.as_bytes()).await.with_context(said)?;
        }
        let ended = child.wait_with_output().await.with_context(said)?;
        let errors = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{}: {}", said(), errors.trim());
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(arguments).await?)?)
    }

    /// Names of the pods of an application that are ready and stay.
    pub async fn ready(&self, app: &str) -> Result<Vec<String>> {
        let label = format!("app.kubernetes.io/name={app}");
        let pods = self.json(&["get", "pods", "-l", &label, "-o", "json"]).await?;
        let ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            pod["metadata"]["deletionTimestamp"].is_null()
                && conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        let items = pods["items"].as_array().cloned().unwrap_or_default();
        Ok(items.iter().filter(ready).filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned())).collect())
    }

    /// Waits until what was asked of a Deployment or a `StatefulSet` is so.
    pub async fn rolled_out(&self, what: &str) -> Result<()> {
        self.run(&["rollout", "status", what, "--timeout=240s"]).await.map(drop)
    }

    pub async fn scale(&self, what: &str, replicas: usize) -> Result<()> {
        self.run(&["scale", what, &format!("--replicas={replicas}")]).await.map(drop)
    }

    /// Deletes a pod at once, without grace: as when its machine is gone.
    pub async fn kill(&self, pod: &str) -> Result<()> {
        self.run(&["delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"]).await.map(drop)
    }

    /// The sum of a pod's counters whose line begins with `start`, over the API server.
    pub async fn counter(&self, pod: &str, start: &str) -> Result<f64> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:8081/proxy/metrics", self.namespace);
        let text = self.run(&["get", "--raw", &path]).await?;
        let lines = text.lines().filter(|line| line.starts_with(start));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// The sum over all pods of an application.
    pub async fn counters(&self, app: &str, start: &str) -> Result<f64> {
        let mut sum = 0.0;
        for pod in self.ready(app).await? {
            sum += self.counter(&pod, start).await?;
        }
        Ok(sum)
    }

    /// Waits until an application has so many pods ready, and no other.
    pub async fn settled(&self, app: &str, count: usize) -> Result<Vec<String>> {
        for _ in 0..480 {
            let pods = self.ready(app).await?;
            if pods.len() == count {
                return Ok(pods);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("{app} does not come to {count} ready pods")
    }
}
