//! 6. The pod of one shard is deleted: users of the others notice nothing, and all that was acknowledged is there afterwards.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Context;
use crate::load::Load;

/// The shard whose pod goes: users with `id % 4 == 1`.
const STRUCK: u64 = 1;

/// R63 R65
pub async fn deleted(context: &Context) -> Result<String> {
    let kube = &context.kube;
    let people = context.people(16).await;
    let load = Load::start(&context.arguments.address, &people, 120);
    load.until(300).await;
    let begun = Instant::now();
    kube.kill(&format!("shard-{STRUCK}")).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    kube.rolled_out("statefulset/shard").await?;
    let back = begun.elapsed();
    load.until(load.seen.answered() + 1500).await;
    let seen = load.seen.clone();
    let (struck, spared): (Vec<_>, Vec<_>) = seen.failures().into_iter().partition(|(_, user, _)| user % 4 == STRUCK);
    let last = struck.iter().map(|(since, ..)| *since).max().unwrap_or_default();
    ensure!(spared.is_empty(), "users of other shards failed: {:?}", &spared[..spared.len().min(5)]);
    let ended = load.begun.elapsed();
    ensure!(last < ended.saturating_sub(Duration::from_secs(3)), "users of the shard still fail at the end");
    let acknowledged = load.end(&context.api).await?;
    Ok(format!(
        "pod ready again after {:.1} s; {} requests, {} of its own users' failed, 0 of others'; {acknowledged} acknowledged changes all there",
        back.as_secs_f64(),
        seen.answered(),
        struck.len()
    ))
}
