//! `myriad feed`: the recent feed, over the operators' port of user-service.

use anyhow::{Result, bail};
use api::operator::v1::{
    CheckFeedRequest, FeedDifference, RebuildFeedRequest, feed_difference::Kind,
    operator_service_client::OperatorServiceClient,
};
use clap::{Args, Subcommand};

use crate::operator::Server;

/// Arguments of `myriad feed`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the feed with the shards and name every picture that differs; fails where one does. Takes ten seconds then, since a
    /// change that is on its way is no difference.
    Check,
    /// Build the feed again from the shards. It is shown all the while.
    Rebuild,
}

/// Carries out one call.
///
/// # Errors
/// What the server said, that it cannot be reached, or that the feed is not what the shards say.
pub async fn run(arguments: Arguments) -> Result<()> {
    let server = arguments.server;
    let mut client = OperatorServiceClient::new(server.connect()?);
    match arguments.command {
        Command::Check => {
            let answer = client.check_feed(CheckFeedRequest {}).await.map_err(|status| server.explain(&status))?;
            let answer = answer.into_inner();
            for difference in &answer.differences {
                println!("{}", line(difference));
            }
            if !answer.complete {
                bail!("the feed is not complete: it was lost and is being built, or run `myriad feed rebuild`");
            }
            if answer.differing > 0 {
                bail!("{} of {} pictures differ; run `myriad feed rebuild`", answer.differing, answer.pictures);
            }
            println!("{} pictures: each as the shards have it", answer.pictures);
            Ok(())
        }
        Command::Rebuild => {
            let answer = client.rebuild_feed(RebuildFeedRequest {}).await.map_err(|status| server.explain(&status))?;
            let answer = answer.into_inner();
            println!("built: {} pictures, {} left over were taken away", answer.pictures, answer.removed);
            Ok(())
        }
    }
}

fn line(difference: &FeedDifference) -> String {
    let what = match difference.kind() {
        Kind::Missing => "missing in the feed",
        Kind::LeftOver => "left over in the feed",
        Kind::Different | Kind::Unspecified => "different in the feed",
    };
    format!("{what}: image {} of user {}", difference.image_id, difference.user_id)
}
