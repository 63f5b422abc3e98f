//! 11. What an operator does by hand: grpcurl through `kubectl port-forward`, and one request found in the logs of all services.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Answer, PASSWORD, Person};
use tokio::process::{Child, Command};

use super::Context;

const PHOTO: &[u8] = include_bytes!("../../../myriad/assets/demo.jpg");
/// Service, its gRPC port, a service that it lists.
const DOORS: [(&str, u16, &str); 3] = [
    ("user-service", 7101, "myriad.user.v1.UserService"),
    ("session-service", 7201, "myriad.session.v1.SessionService"),
    ("shard-router", 7401, "myriad.topology.v1.TopologyService"),
];

/// R57 R75
pub async fn tools(context: &Context) -> Result<String> {
    let key = service_key(context).await?;
    let mut shown = Vec::new();
    for (service, port, name) in DOORS {
        let mut forward = forward(context, service, port)?;
        let address = format!("127.0.0.1:{}", port + 20_000);
        let listed = retried(&["-plaintext", &address, "list"]).await?;
        let health = grpcurl(&["-plaintext", &address, "grpc.health.v1.Health/Check"]).await?;
        ensure!(listed.contains(name) && health.contains("SERVING"), "{service}: {listed} {health}");
        if service == "shard-router" {
            let call = "myriad.topology.v1.TopologyService/GetTopology";
            let bearer = format!("authorization: Bearer {key}");
            let topology = grpcurl(&["-plaintext", "-H", &bearer, &address, call]).await?;
            ensure!(topology.contains("shard-3"), "no shard-3 in the topology");
            let refused = grpcurl(&["-plaintext", &address, call]).await;
            ensure!(
                refused.is_err_and(|error| error.to_string().contains("Unauthenticated")),
                "answered without the key"
            );
        }
        forward.kill().await?;
        shown.push(service);
    }
    let found = one_request(context).await?;
    Ok(format!("grpcurl through port-forward: {}; {found}", shown.join(", ")))
}

/// The Secret's name has the hash of its content.
async fn service_key(context: &Context) -> Result<String> {
    let path = "jsonpath={.spec.template.spec.containers[0].env[?(@.name=='MYRIAD_GATEWAY__SERVICE_KEY')].valueFrom.secretKeyRef.name}";
    let name = context.kube.run(&["get", "deployment", "gateway", "-o", path]).await?;
    let encoded = ["get", "secret", name.trim(), "-o", "go-template={{.data.key | base64decode}}"];
    Ok(context.kube.run(&encoded).await?.trim().to_owned())
}

fn forward(context: &Context, service: &str, port: u16) -> Result<Child> {
    let ports = format!("{}:{port}", port + 20_000);
    Command::new("kubectl")
        .args(["-n", &context.arguments.namespace, "port-forward", &format!("service/{service}"), &ports])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("kubectl is not there")
}

async fn retried(arguments: &[&str]) -> Result<String> {
    for _ in 0..50 {
        if let Ok(said) = grpcurl(arguments).await {
            return Ok(said);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    grpcurl(arguments).await
}

async fn grpcurl(arguments: &[&str]) -> Result<String> {
    let ended = Command::new("grpcurl").args(arguments).output().await.context("grpcurl is not there")?;
    ensure!(ended.status.success(), "grpcurl: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// A sign-in and an upload under ids of ours; each is found in the logs of every service that it reached.
async fn one_request(context: &Context) -> Result<String> {
    let john = Person::new(&context.api).await;
    let (sign_in, upload) = (testkit::unique("cluster-sign-in"), testkit::unique("cluster-upload"));
    let body = json!({"email": john.email, "password": PASSWORD});
    context.api.post("/v1/sessions").header("x-request-id", &sign_in).json(&body).send().await.expect(201);
    let call = context.api.post(&format!("{}/images", john.path())).bearer(&john.token).header("x-request-id", &upload);
    let answer: Answer =
        call.upload(PHOTO.to_vec(), "operations", &json!([{"op": "resize", "width": 48}])).try_send().await?;
    answer.expect(202);
    for (id, services) in
        [(&sign_in, vec!["gateway", "session-service"]), (&upload, vec!["gateway", "user-service", "image-worker"])]
    {
        for service in services {
            found(context, id, service).await?;
        }
    }
    Ok("one request id in the logs of gateway, user-service, image-worker; another in gateway, session-service"
        .to_owned())
}

async fn found(context: &Context, id: &str, service: &str) -> Result<()> {
    let label = format!("app.kubernetes.io/name={service}");
    for _ in 0..40 {
        if context.kube.run(&["logs", "-l", &label, "--tail=400", "--since=2m"]).await?.contains(id) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("{id} is not in the logs of {service}")
}
