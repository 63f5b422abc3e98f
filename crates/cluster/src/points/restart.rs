//! 3. All five Deployments are restarted one after the other under a constant rate: not one request fails.

use std::time::Instant;

use anyhow::Result;

use super::Context;
use crate::{kube::DEPLOYMENTS, load::Load};

const REQUESTS: usize = 20_000;
const PER_SECOND: u32 = 200;

/// R62
pub async fn rolling(context: &Context) -> Result<String> {
    let people = context.people(16).await;
    let load = Load::start(&context.arguments.address, &people, PER_SECOND);
    let begun = Instant::now();
    for deployment in DEPLOYMENTS {
        let name = format!("deployment/{deployment}");
        context.kube.run(&["rollout", "restart", &name]).await?;
        context.kube.rolled_out(&name).await?;
        println!("   {deployment} replaced after {} s: {}", begun.elapsed().as_secs(), load.seen.text());
    }
    let restarted = begun.elapsed().as_secs();
    load.until(REQUESTS).await;
    let (seen, acknowledged) = (load.seen.clone(), load.end(&context.api).await?);
    let text = seen.spotless()?;
    Ok(format!("{text} at {PER_SECOND}/s, {acknowledged} changes kept; five Deployments in {restarted} s"))
}
