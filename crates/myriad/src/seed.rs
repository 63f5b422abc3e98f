//! `myriad seed`: users who are nobody, to try growth with.

use anyhow::Result;
use api::growth::v1::SeedUsersRequest;
use api::growth::v1::growth_service_client::GrowthServiceClient;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::operator::Server;

/// Users of one call.
const PAGE: u32 = 16_384;

/// Arguments of `myriad seed`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to: shard-router's operators' port.
    #[command(flatten)]
    server: Server,
    /// How many.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    users: u32,
}

/// Makes them, some thousand at a time. Interrupted, those that were made stay.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { server, users } = arguments;
    let mut client = GrowthServiceClient::new(server.connect()?);
    let bar = ProgressBar::new(users.into());
    bar.set_style(ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} users  {per_sec}  {eta}")?);
    let mut made = 0;
    let mut first = None;
    while made < users {
        let request = SeedUsersRequest { users: PAGE.min(users - made) };
        let answer = client.seed_users(request).await.map_err(|status| server.explain(&status))?.into_inner();
        first = first.or(Some(answer.first_id));
        made += answer.users;
        bar.set_position(made.into());
    }
    bar.finish_and_clear();
    let (seconds, first) = (bar.elapsed().as_secs_f64(), first.unwrap_or_default());
    println!("{made} users from id {first} on in {seconds:.1} s; nobody can sign in as one of them");
    Ok(())
}
