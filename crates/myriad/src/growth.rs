//! `myriad topology|shard|bucket|user|move|verify`: growing and shrinking while people use the system, over the operators' port of shard-router.
//!
//! A command only asks: the router does the work and goes on with it when the command is interrupted.

/// Takes an answer apart, or says what the server said.
macro_rules! ask {
    ($operator:ident.$call:ident($request:expr)) => {
        $operator.client.$call($request).await.map_err(|status| $operator.server.explain(&status))?.into_inner()
    };
}

mod follow;
mod replica;
mod show;

use anyhow::{Context, Result, bail};
use api::growth::v1::growth_service_client::GrowthServiceClient;
use api::growth::v1::{
    AddShardRequest, Control, ControlMovesRequest, DrainShardRequest, IsolateUserRequest, ListMovesRequest,
    ListShardsRequest, Measure, MoveBucketRequest, PartitionUserRequest, Plan, RebalanceRequest, RemoveShardRequest,
    ReturnUserRequest, UnpartitionUserRequest, VerifyRequest,
};
use clap::{Args, Subcommand, ValueEnum};
use runtime::grpc::Client;

use crate::operator::Server;

pub use replica::ReplicaCommand;

/// What operators ask for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every shard with its engine, buckets, rows, bytes, load and how far behind its replicas are; counts the load for a second.
    Topology {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add, rebalance, drain and remove shards.
    Shard {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// What.
        #[command(subcommand)]
        command: ShardCommand,
    },
    /// Move one bucket.
    Bucket {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// What.
        #[command(subcommand)]
        command: BucketCommand,
    },
    /// Give one user a bucket of its own, split the reading of its pictures, or take that back.
    User {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// What.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Look at moves, hold them, let them go on, undo them, take them back.
    Move {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// What.
        #[command(subcommand)]
        command: MoveCommand,
    },
    /// Whether the shards together are the whole: owners, rows, claims and users.
    Verify {
        /// Where to.
        #[command(flatten)]
        server: Server,
        /// Read every user and every claim on an e-mail too.
        #[arg(long)]
        deep: bool,
    },
}

/// What a changing command has in common.
#[derive(Debug, Clone, Copy, Args)]
pub struct Manner {
    /// Say what would be done and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Begin and come back at once; `myriad move status` tells how far it is.
    #[arg(long)]
    detach: bool,
}

/// `myriad shard …`
#[derive(Debug, Subcommand)]
pub enum ShardCommand {
    /// Take an empty database in. It owns nothing until buckets are moved to it.
    Add {
        /// `postgres://host:port/database`, with `user:password@` where all services run in one process; or a file, `shards/x.db`.
        location: String,
        /// What it is called [default: shard-N].
        #[arg(long)]
        name: Option<String>,
        /// Share of the buckets relative to the other shards.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        weight: u32,
        /// No share at all: it is for users that are isolated to it.
        #[arg(long, conflicts_with = "weight")]
        dedicated: bool,
        /// Check everything and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Move buckets until every shard has its share.
    Rebalance {
        /// How.
        #[command(flatten)]
        manner: Manner,
        /// What is to be even.
        #[arg(long, value_enum, default_value_t = By::Buckets)]
        by: By,
    },
    /// Move every bucket of a shard to the others.
    Drain {
        /// Its name.
        name: String,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
    /// Take a shard out that owns nothing any more.
    Remove {
        /// Its name.
        name: String,
        /// Check and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Servers that follow a shard's primary and are read from.
    Replica {
        /// What.
        #[command(subcommand)]
        command: ReplicaCommand,
    },
}

/// What a rebalance makes even.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum By {
    /// Their number.
    Buckets,
    /// Their rows.
    Rows,
    /// The size of the shards' databases.
    Bytes,
    /// What the shards are asked: counted for five seconds first.
    Load,
}

impl From<By> for Measure {
    fn from(by: By) -> Self {
        match by {
            By::Buckets => Self::Buckets,
            By::Rows => Self::Rows,
            By::Bytes => Self::Bytes,
            By::Load => Self::Load,
        }
    }
}

/// `myriad bucket …`
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// Move a bucket to a shard.
    Move {
        /// 0 to 4095, or a user's own.
        bucket: u32,
        /// The shard's name.
        #[arg(long)]
        to: String,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
}

/// `myriad user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Give a user a bucket of its own, so that it can be on another shard than its neighbours.
    Isolate {
        /// Its id.
        id: u64,
        /// The shard's name [default: where the user is].
        #[arg(long)]
        to: Option<String>,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
    /// Give a user back to the bucket that its id says.
    Return {
        /// Its id.
        id: u64,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
    /// Read an isolated user's finished pictures from copies, split over several buckets.
    Partition {
        /// Its id.
        id: u64,
        /// How many buckets: 2 to 64.
        #[arg(long, default_value_t = 4)]
        into: u32,
        /// Names of the shards that they are dealt out to in turn [default: where the user is].
        #[arg(long, value_delimiter = ',')]
        over: Vec<String>,
        /// Make the copies in the present ones right again.
        #[arg(long, conflicts_with_all = ["into", "over"])]
        rebuild: bool,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
    /// Read a user's pictures where it is again.
    Unpartition {
        /// Its id.
        id: u64,
        /// How.
        #[command(flatten)]
        manner: Manner,
    },
}

/// `myriad move …`
#[derive(Debug, Subcommand)]
pub enum MoveCommand {
    /// Operations that are under way, and those that ended last.
    List {
        /// How many moves of those that ended are looked at.
        #[arg(long, default_value_t = 1000)]
        ended: u32,
        /// Every move of its own.
        #[arg(long)]
        each: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// How far an operation is, and follow it to its end.
    Status {
        /// Its name, as `move list` shows it; all that are under way where it is left out.
        operation: Option<String>,
        /// Do not follow.
        #[arg(long)]
        once: bool,
    },
    /// Hold moves, each where nobody waits for it.
    Pause(Which),
    /// Let held moves go on.
    Resume(Which),
    /// Undo moves that are not committed.
    Cancel(Which),
    /// Take moves back that are committed and in their grace time, with all that was written since.
    Revert(Which),
    /// End the grace time: the rows that are left where they came from are deleted now.
    Settle(Which),
}

/// Which moves.
#[derive(Debug, Args)]
pub struct Which {
    /// A move's number or an operation's name; all that are under way where it is left out.
    which: Option<String>,
}

/// Carries out a command.
///
/// # Errors
/// What the server said, that it cannot be reached, or that something is wrong with the shards.
pub async fn run(command: Command) -> Result<()> {
    match command {
        Command::Topology { server, json } => {
            let mut operator = operator(server)?;
            show::shards(&ask!(operator.list_shards(ListShardsRequest { measure_load: true })), json)
        }
        Command::Shard { server, command } => operator(server)?.shard(command).await,
        Command::Bucket { server, command: BucketCommand::Move { bucket, to, manner } } => {
            operator(server)?.move_bucket(bucket, to, manner).await
        }
        Command::User { server, command } => operator(server)?.user(command).await,
        Command::Move { server, command } => operator(server)?.moves(command).await,
        Command::Verify { server, deep } => operator(server)?.verify(deep).await,
    }
}

/// A server and the client of its service.
struct Operator {
    server: Server,
    client: GrowthServiceClient<Client>,
}

fn operator(server: Server) -> Result<Operator> {
    let client = GrowthServiceClient::new(server.connect()?);
    Ok(Operator { server, client })
}

impl Operator {
    async fn shard(mut self, command: ShardCommand) -> Result<()> {
        match command {
            ShardCommand::Add { location, name, weight, dedicated, dry_run } => {
                let request = AddShardRequest { location, name: name.unwrap_or_default(), weight, dry_run, dedicated };
                let shard = ask!(self.add_shard(request)).shard.context("the server sent no shard")?;
                let done = if dry_run { "could be added" } else { "added" };
                println!("{done}: {} ({} at {})", shard.name, shard.engine, shard.location);
                if !dry_run && dedicated {
                    println!("It owns nothing yet. Give it a user: myriad user isolate ID --to {}", shard.name);
                } else if !dry_run {
                    println!("It owns nothing yet. Give it its share: myriad shard rebalance");
                }
                Ok(())
            }
            ShardCommand::Rebalance { manner, by } => {
                let request = RebalanceRequest { dry_run: manner.dry_run, by: Measure::from(by).into() };
                let answer = ask!(self.rebalance(request));
                self.planned(answer.plan, manner).await
            }
            ShardCommand::Drain { name, manner } => {
                let answer = ask!(self.drain_shard(DrainShardRequest { name: name.clone(), dry_run: manner.dry_run }));
                self.planned(answer.plan, manner).await?;
                if !manner.dry_run && !manner.detach {
                    println!("Once its grace time is over (or now: myriad move settle): myriad shard remove {name}");
                }
                Ok(())
            }
            ShardCommand::Remove { name, dry_run } => {
                let answer = ask!(self.remove_shard(RemoveShardRequest { name, dry_run }));
                let shard = answer.shard.context("the server sent no shard")?;
                println!("{}: {}", if dry_run { "could be removed" } else { "removed" }, shard.name);
                Ok(())
            }
            ShardCommand::Replica { command } => replica::run(self, command).await,
        }
    }

    async fn move_bucket(mut self, bucket: u32, to: String, manner: Manner) -> Result<()> {
        let answer = ask!(self.move_bucket(MoveBucketRequest { bucket, to, dry_run: manner.dry_run }));
        self.planned(answer.plan, manner).await
    }

    async fn user(mut self, command: UserCommand) -> Result<()> {
        let (plan, manner) = match command {
            UserCommand::Isolate { id, to, manner } => {
                let to = to.unwrap_or_default();
                let request = IsolateUserRequest { user_id: id, to, dry_run: manner.dry_run };
                (ask!(self.isolate_user(request)).plan, manner)
            }
            UserCommand::Return { id, manner } => {
                let request = ReturnUserRequest { user_id: id, dry_run: manner.dry_run };
                (ask!(self.return_user(request)).plan, manner)
            }
            UserCommand::Partition { id, into, over, rebuild, manner } => {
                let request = PartitionUserRequest { user_id: id, into, over, rebuild, dry_run: manner.dry_run };
                (ask!(self.partition_user(request)).plan, manner)
            }
            UserCommand::Unpartition { id, manner } => {
                let request = UnpartitionUserRequest { user_id: id, dry_run: manner.dry_run };
                let plan = ask!(self.unpartition_user(request)).plan.context("the server sent no plan")?;
                let word = if manner.dry_run { "would end" } else { "ended" };
                println!("{} partitions {word}; the copies in them go after the grace time", plan.buckets);
                return Ok(());
            }
        };
        self.planned(plan, manner).await
    }

    async fn planned(&mut self, plan: Option<Plan>, manner: Manner) -> Result<()> {
        let plan = plan.context("the server sent no plan")?;
        show::plan(&plan, manner.dry_run);
        if plan.operation.is_empty() || plan.buckets == 0 || manner.detach {
            return Ok(());
        }
        follow::follow(&mut self.client, &self.server, &plan.operation).await
    }

    async fn moves(mut self, command: MoveCommand) -> Result<()> {
        let (control, which) = match command {
            MoveCommand::List { ended, each, json } => {
                let answer = ask!(self.list_moves(ListMovesRequest { operation: String::new(), ended }));
                return show::moves(&answer.moves, each, json);
            }
            MoveCommand::Status { operation, once } => {
                let operation = operation.unwrap_or_default();
                if !once {
                    return follow::follow(&mut self.client, &self.server, &operation).await;
                }
                let answer = ask!(self.list_moves(ListMovesRequest { operation, ended: 0 }));
                println!("{}", follow::line(&answer.progress.unwrap_or_default()));
                return Ok(());
            }
            MoveCommand::Pause(which) => (Control::Pause, which),
            MoveCommand::Resume(which) => (Control::Resume, which),
            MoveCommand::Cancel(which) => (Control::Cancel, which),
            MoveCommand::Revert(which) => (Control::Revert, which),
            MoveCommand::Settle(which) => (Control::Settle, which),
        };
        let which = which.which.unwrap_or_default();
        let id = which.parse().unwrap_or(0);
        let operation = if id > 0 { String::new() } else { which };
        let answer = ask!(self.control_moves(ControlMovesRequest { control: control.into(), id, operation }));
        println!("{} moves", answer.moves);
        Ok(())
    }

    async fn verify(mut self, deep: bool) -> Result<()> {
        let answer = ask!(self.verify(VerifyRequest { deep }));
        for fault in &answer.faults {
            println!("{fault}");
        }
        if !answer.faults.is_empty() {
            bail!("{} faults in {} buckets", answer.faults.len(), answer.buckets);
        }
        let copies = if answer.copies > 0 { format!(" and {} copies", answer.copies) } else { String::new() };
        println!("{} buckets, {} rows{copies}: each where it belongs", answer.buckets, answer.rows);
        Ok(())
    }
}
