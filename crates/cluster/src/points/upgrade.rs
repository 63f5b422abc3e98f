//! 10. From one image tag to the next with a migration in between, and back, under load.

use anyhow::{Result, ensure};

use super::Context;
use crate::{kube::DEPLOYMENTS, load::Load};

/// R50 R62
pub async fn there_and_back(context: &Context) -> Result<String> {
    let people = context.people(16).await;
    let before = schema(context).await?;
    let load = Load::start(&context.arguments.address, &people, 150);
    let tags = (context.arguments.tag.clone(), context.arguments.next_tag.clone());
    for tag in [&tags.1, &tags.0] {
        apply(context, &tags.0, tag).await?;
        for deployment in DEPLOYMENTS {
            context.kube.rolled_out(&format!("deployment/{deployment}")).await?;
        }
        println!("   all at {tag}: {}", load.seen.text());
        let migrated = psql(context, "SELECT count(*) FROM pg_indexes WHERE indexname = 'sessions_rehearsal'").await?;
        ensure!(migrated == "1", "the migration of {} is not there at {tag}: was it built with one more?", tags.1);
    }
    let after = schema(context).await?;
    load.until(load.seen.answered() + 500).await;
    let (seen, acknowledged) = (load.seen.clone(), load.end(&context.api).await?);
    let text = seen.spotless()?;
    Ok(format!("{text}, {acknowledged} changes kept; schema {before} to {after}, then the older images on it"))
}

/// Applies the overlay with another tag.
async fn apply(context: &Context, tag: &str, as_tag: &str) -> Result<()> {
    let rendered = context.kube.run(&["kustomize", &context.arguments.overlay]).await?;
    let rendered: Vec<String> = rendered.lines().map(|line| retagged(line, tag, as_tag)).collect();
    context.kube.fed(&["apply", "-f", "-"], Some(&rendered.join("\n"))).await.map(drop)
}

fn retagged(line: &str, tag: &str, as_tag: &str) -> String {
    let ours = line.trim_start().starts_with("image: myriad/");
    match line.strip_suffix(&format!(":{tag}")).filter(|_| ours) {
        Some(image) => format!("{image}:{as_tag}"),
        None => line.to_owned(),
    }
}

async fn schema(context: &Context) -> Result<String> {
    psql(context, "SELECT value FROM meta WHERE key = 'schema_version'").await
}

async fn psql(context: &Context, query: &str) -> Result<String> {
    let psql =
        ["exec", "shard-0", "--", "psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "myriad", "-Atc", query];
    Ok(context.kube.run(&psql).await?.trim().to_owned())
}
