//! 9. The gateway's autoscaler adds pods under load and takes them away afterwards.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, stream};
use testkit::bench::{Connection, get};

use super::Context;

const SETTLES: &str = r#"[{"op":"add","path":"/spec/behavior/scaleDown/stabilizationWindowSeconds","value":15}]"#;

/// R43
pub async fn up_and_down(context: &Context) -> Result<String> {
    let kube = &context.kube;
    let john = context.people(1).await.swap_remove(0);
    // The component as it is, but for the five minutes that it waits before it takes pods away.
    let component = kube.run(&["kustomize", "k8s/components/autoscaling"]).await?;
    let gateway = component.split("---\n").find(|object| object.contains("name: gateway\n"));
    kube.fed(&["apply", "-f", "-"], gateway).await?;
    kube.run(&["patch", "hpa", "gateway", "--type=json", "-p", SETTLES]).await?;
    let ended = measured(context, &get(&john.path())).await;
    kube.run(&["delete", "hpa", "gateway"]).await?;
    kube.scale("deployment/gateway", 3).await?;
    kube.settled("gateway", 3).await?;
    ended
}

async fn measured(context: &Context, request: &[u8]) -> Result<String> {
    let before = wanted(context).await?.max(3);
    let begun = Instant::now();
    let (mut most, mut sent, mut failed, mut raised) = (before, 0, 0, None);
    // Bounded: two minutes at most, and only until the bound is reached.
    while begun.elapsed() < Duration::from_mins(2) && most < 6 {
        let burst = stream::iter(0..400).map(|_| once(&context.arguments.address, request)).buffer_unordered(8);
        failed += burst.filter(|answer| std::future::ready(!matches!(answer, Ok(200)))).count().await;
        sent += 400;
        let now = wanted(context).await?;
        if now > before && raised.is_none() {
            raised = Some(begun.elapsed());
        }
        most = most.max(now);
    }
    let Some(raised) = raised else { anyhow::bail!("not one gateway more after {sent} requests in two minutes") };
    ensure!(failed == 0, "{failed} of {sent} requests failed");
    let calm = Instant::now();
    while wanted(context).await? > before {
        ensure!(calm.elapsed() < Duration::from_mins(4), "still more than {before} gateways, 4 minutes after the load");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Ok(format!(
        "from {before} to {most} gateways, the first after {} s; {sent} requests, {failed} failed; {before} again {} s after the load",
        raised.as_secs(),
        calm.elapsed().as_secs()
    ))
}

async fn wanted(context: &Context) -> Result<u64> {
    let scale = context.kube.run(&["get", "deployment", "gateway", "-o", "jsonpath={.spec.replicas}"]).await?;
    Ok(scale.parse()?)
}

async fn once(address: &str, request: &[u8]) -> Result<u16> {
    Connection::open(address).await?.exchange(request).await
}
