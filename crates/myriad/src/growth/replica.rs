//! `myriad shard replica …`

use anyhow::{Context, Result};
use api::growth::v1::{AddReplicaRequest, RemoveReplicaRequest, ShardStatus};
use clap::Subcommand;

use super::Operator;

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum ReplicaCommand {
    /// Spread the reads of a shard over one more server, which follows its primary.
    Add {
        /// The shard's name.
        shard: String,
        /// `postgres://host:port/database` of one server, never of a balancer over several; the user and password are the shard's.
        location: String,
        /// Check everything and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Read no longer from a server, whether it is there or not.
    Remove {
        /// The shard's name.
        shard: String,
        /// As it was added.
        location: String,
        /// Check and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(mut operator: Operator, command: ReplicaCommand) -> Result<()> {
    let (shard, dry_run) = match command {
        ReplicaCommand::Add { shard, location, dry_run } => {
            let request = AddReplicaRequest { shard, location, dry_run };
            (ask!(operator.add_replica(request)).shard, dry_run)
        }
        ReplicaCommand::Remove { shard, location, dry_run } => {
            let request = RemoveReplicaRequest { shard, location, dry_run };
            (ask!(operator.remove_replica(request)).shard, dry_run)
        }
    };
    let ShardStatus { name, location, replicas, .. } = shard.context("the server sent no shard")?;
    let would = if dry_run { "would be" } else { "is" };
    let replicas: Vec<_> = replicas.into_iter().map(|replica| replica.location).collect();
    let replicas = if replicas.is_empty() { "no replicas".to_owned() } else { replicas.join(", ") };
    println!("{name} {would} written to at {location} and read from {replicas}");
    Ok(())
}
