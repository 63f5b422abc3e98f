//! 8. A pod that is nobody's cannot reach a service or a database; one that says it is the gateway reaches what the gateway may.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::Context;

/// R11
pub async fn enforced(context: &Context) -> Result<String> {
    let doors =
        ["user-service:7101", "session-service:7201", "shard-router:7401", "catalog:5432", "shards:5432", "redis:6379"];
    // A stranger that reaches what is open to all shows that the question is asked well.
    let stranger = knocks(context, "stranger", &doors).await?;
    ensure!(stranger.is_empty(), "a stranger reaches {stranger:?}: does this cluster enforce NetworkPolicy?");
    let gateway = knocks(context, "gateway", &doors).await?;
    let wanted = ["user-service:7101", "session-service:7201"];
    ensure!(gateway == wanted, "a pod with the gateway's label reaches {gateway:?} instead of {wanted:?}");
    Ok(format!("a stranger reaches none of {}, the gateway's label {}", doors.len(), wanted.join(" and ")))
}

/// Which of the doors open for a pod with that label.
async fn knocks(context: &Context, label: &str, doors: &[&str]) -> Result<Vec<String>> {
    let kube = &context.kube;
    let name = format!("knocks-as-{label}");
    let knock = |door: &&str| {
        let (host, port) = door.split_once(':').unwrap_or((door, "0"));
        format!("nc -w 3 {host} {port} -e true && echo open {door}")
    };
    // The rules for a new pod take a moment to be there.
    let script = format!(
        "sleep 4; nslookup gateway.{}.svc.cluster.local >/dev/null && echo names; {}; exit 0",
        context.arguments.namespace,
        doors.iter().map(knock).collect::<Vec<_>>().join("; ")
    );
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        // Not ready for anybody: the label must not make it a gateway that is sent traffic.
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": label}},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "knocks", "image": "busybox:1.36", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script],
                "readinessProbe": {"exec": {"command": ["false"]}},
                "resources": {"limits": {"cpu": "100m", "memory": "32Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}
            }]
        }
    });
    kube.run(&["delete", "pod", &name, "--ignore-not-found"]).await?;
    kube.fed(&["apply", "-f", "-"], Some(&pod.to_string())).await?;
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let phase = kube.run(&["get", "pod", &name, "-o", "jsonpath={.status.phase}"]).await?;
        if matches!(phase.as_str(), "Succeeded" | "Failed") {
            let said = kube.run(&["logs", &name]).await?;
            kube.run(&["delete", "pod", &name]).await?;
            ensure!(said.contains("names"), "{name} could not even resolve a name: {said}");
            return Ok(said.lines().filter_map(|line| Some(line.strip_prefix("open ")?.to_owned())).collect());
        }
    }
    bail!("{name} has not ended")
}
