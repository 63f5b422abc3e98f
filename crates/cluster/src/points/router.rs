//! 7. No shard-router for a minute, and a gateway restarted meanwhile: nobody notices.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Context;
use crate::load::Load;

/// R31 R63
pub async fn gone(context: &Context) -> Result<String> {
    let kube = &context.kube;
    let people = context.people(8).await;
    let load = Load::start(&context.arguments.address, &people, 100);
    load.until(200).await;
    kube.scale("deployment/shard-router", 0).await?;
    kube.settled("shard-router", 0).await?;
    let begun = Instant::now();
    kube.run(&["rollout", "restart", "deployment/gateway"]).await?;
    kube.rolled_out("deployment/gateway").await?;
    tokio::time::sleep(Duration::from_mins(1).saturating_sub(begun.elapsed())).await;
    let without = begun.elapsed();
    kube.scale("deployment/shard-router", 2).await?;
    kube.rolled_out("deployment/shard-router").await?;
    load.until(load.seen.answered() + 200).await;
    let (seen, _) = (load.seen.clone(), load.end(&context.api).await?);
    Ok(format!("{} s without, gateways restarted: {}", without.as_secs(), seen.spotless()?))
}
