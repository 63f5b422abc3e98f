//! Shards, plans and moves as tables.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use api::growth::v1::{IsolatedUser, ListShardsResponse, Move, Plan, Replica};
use comfy_table::{Table, presets};
use serde_json::json;

/// The topology.
pub fn shards(answer: &ListShardsResponse, as_json: bool) -> Result<()> {
    if as_json {
        let shards: Vec<_> = answer
            .shards
            .iter()
            .map(|shard| {
                let replicas = shard.replicas.iter().map(|replica| {
                    let lag = replica.error.is_empty().then_some(replica.lag_bytes);
                    json!({ "location": replica.location, "lagBytes": lag, "error": replica.error })
                });
                json!({
                    "id": shard.id, "name": shard.name, "engine": shard.engine, "location": shard.location,
                    "state": shard.state, "weight": shard.weight, "buckets": shard.buckets, "rows": shard.rows,
                    "bytes": shard.bytes, "callsPerSecond": shard.load, "error": shard.error,
                    "replicas": replicas.collect::<Vec<_>>(),
                })
            })
            .collect();
        let isolated: Vec<_> = answer
            .isolated
            .iter()
            .map(|user| {
                let parts = user.partitions.iter().map(|part| json!({ "bucket": part.bucket, "shard": part.shard }));
                json!({
                    "userId": user.user_id, "bucket": user.bucket, "shard": user.shard,
                    "partitions": parts.collect::<Vec<_>>(), "partitionsShown": user.partitions_shown,
                })
            })
            .collect();
        let all = json!({ "version": answer.topology_version, "shards": shards, "isolated": isolated });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_header(["shard", "engine", "location", "behind", "state", "weight", "buckets", "rows", "size", "calls/s"]);
    for shard in &answer.shards {
        let replicas = shard.replicas.iter().map(|replica| (replica.location.clone(), lag(replica)));
        let (places, lags): (Vec<_>, Vec<_>) =
            std::iter::once((shard.location.clone(), String::new())).chain(replicas).unzip();
        let (rows, size) = match shard.error.as_str() {
            "" => (shard.rows.to_string(), bytes(shard.bytes)),
            error => ("?".to_owned(), error.to_owned()),
        };
        table.add_row([
            shard.name.clone(),
            shard.engine.clone(),
            places.join("\n"),
            lags.join("\n"),
            shard.state.clone(),
            shard.weight.to_string(),
            shard.buckets.to_string(),
            rows,
            size,
            shard.load.map_or_else(|| "?".to_owned(), |calls| calls.to_string()),
        ]);
    }
    println!("{table}\ntopology {}", answer.topology_version);
    for user in &answer.isolated {
        println!("user {} is alone in bucket {} on {}", user.user_id, user.bucket, user.shard);
        for line in partitions(user) {
            println!("{line}");
        }
    }
    Ok(())
}

fn lag(replica: &Replica) -> String {
    if replica.error.is_empty() { bytes(replica.lag_bytes) } else { replica.error.clone() }
}

/// What a user's pictures are read from, a shard a line.
fn partitions(user: &IsolatedUser) -> Vec<String> {
    let mut shards: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for part in &user.partitions {
        shards.entry(&part.shard).or_default().push(part.bucket.to_string());
    }
    let word = if user.partitions_shown { "are read from" } else { "are being copied to" };
    let lines = shards.into_iter();
    lines.map(|(shard, buckets)| format!("  its pictures {word} buckets {} on {shard}", buckets.join(", "))).collect()
}

/// What is, or would be, moved.
pub fn plan(plan: &Plan, dry_run: bool) {
    if plan.buckets == 0 {
        println!("Nothing to move.");
        return;
    }
    for way in &plan.transfers {
        println!("{} buckets from {} to {}", way.buckets, way.source, way.target);
    }
    println!(
        "{} rows, {}, about {} s{}",
        plan.rows,
        bytes(plan.bytes),
        plan.expected_ms.div_ceil(1000),
        if dry_run { ". Nothing was begun." } else { "" }
    );
}

/// Moves: by operation, or each in a row.
pub fn moves(moves: &[Move], each: bool, as_json: bool) -> Result<()> {
    if as_json {
        let all: Vec<_> = moves.iter().map(as_value).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else if each {
        println!("{}", every_move(moves));
    } else {
        println!("{}", operations(moves));
    }
    Ok(())
}

fn as_value(row: &Move) -> serde_json::Value {
    json!({
        "id": row.id, "operation": row.operation, "source": row.source, "target": row.target,
        "buckets": row.buckets, "step": row.step, "paused": row.paused, "rowsTotal": row.rows_total,
        "rowsCopied": row.rows_copied, "pauseUs": row.pause_us, "error": row.error,
        "userId": (row.user_id > 0).then_some(row.user_id),
        "startedAt": model::time::rfc3339(row.started_at_ms), "changedAt": model::time::rfc3339(row.changed_at_ms),
    })
}

fn every_move(moves: &[Move]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "move",
        "operation",
        "from",
        "to",
        "buckets",
        "step",
        "rows",
        "pause ms",
        "error",
    ]);
    for row in moves {
        table.add_row([
            row.id.to_string(),
            row.operation.clone(),
            row.source.clone(),
            row.target.clone(),
            row.buckets.len().to_string(),
            if row.paused { format!("{}, held", row.step) } else { row.step.clone() },
            format!("{} of {}", row.rows_copied, row.rows_total),
            ms(row.pause_us),
            row.error.clone(),
        ]);
    }
    table
}

fn operations(moves: &[Move]) -> Table {
    let mut names: Vec<&str> = moves.iter().map(|row| row.operation.as_str()).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "operation",
        "buckets",
        "moves at step",
        "rows",
        "pause p50, p99, max ms",
        "error",
    ]);
    for name in names {
        let rows: Vec<&Move> = moves.iter().filter(|row| row.operation == name).collect();
        let mut steps: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &rows {
            *steps.entry(if row.paused { "held" } else { row.step.as_str() }).or_default() += 1;
        }
        let steps: Vec<String> = steps.into_iter().map(|(step, count)| format!("{count} {step}")).collect();
        let mut pauses: Vec<u64> = rows.iter().map(|row| row.pause_us).filter(|pause| *pause > 0).collect();
        pauses.sort_unstable();
        let at = |percent: usize| pauses.get((pauses.len() * percent / 100).min(pauses.len().saturating_sub(1)));
        let pauses: Vec<String> =
            [50, 99, 100].iter().filter_map(|percent| at(*percent)).map(|pause| ms(*pause)).collect();
        let (copied, total) =
            rows.iter().fold((0, 0), |(copied, total), row| (copied + row.rows_copied, total + row.rows_total));
        table.add_row([
            name.to_owned(),
            rows.iter().map(|row| row.buckets.len()).sum::<usize>().to_string(),
            steps.join(", "),
            format!("{copied} of {total}"),
            pauses.join(", "),
            rows.iter().map(|row| row.error.as_str()).find(|error| !error.is_empty()).unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn ms(us: u64) -> String {
    format!("{}.{}", us / 1000, us % 1000 / 100)
}

fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
