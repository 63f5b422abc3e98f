//! `myriad hot`: the users that a server is asked for most, and what may be done about them.

use anyhow::Result;
use api::operator::v1::{HotUser, ListHotUsersRequest, operator_service_client::OperatorServiceClient};
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::json;

use crate::operator::Server;

/// From this share of all requests on, a user is worth a shard of its own.
const SHARE: f64 = 0.1;
/// From so many requests a second on: fewer are no load.
const RATE: f64 = 50.0;

/// Arguments of `myriad hot`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to: a user-service. Of several, each knows of what it is asked itself.
    #[command(flatten)]
    server: Server,
    /// How many users.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Asks and shows.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn run(arguments: Arguments) -> Result<()> {
    let Arguments { server, limit, json } = arguments;
    let mut client = OperatorServiceClient::new(server.connect()?);
    let answer =
        client.list_hot_users(ListHotUsersRequest { limit }).await.map_err(|status| server.explain(&status))?;
    let users = answer.into_inner().users;
    if json {
        let users: Vec<_> = users.iter().map(value).collect();
        println!("{}", serde_json::to_string_pretty(&users)?);
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_header(["user", "reads/s", "writes/s", "share", "bucket", "shard", "advice"]);
    for user in &users {
        table.add_row([
            user.user_id.to_string(),
            format!("{:.1}", user.reads),
            format!("{:.1}", user.writes),
            format!("{:.1} %", user.share * 100.0),
            user.bucket.to_string(),
            user.shard.clone(),
            advice(user),
        ]);
    }
    println!("{table}");
    Ok(())
}

fn value(user: &HotUser) -> serde_json::Value {
    json!({
        "userId": user.user_id, "reads": user.reads, "writes": user.writes, "share": user.share, "bucket": user.bucket,
        "shard": user.shard, "isolated": user.isolated, "advice": advice(user),
    })
}

/// What may be done about a user.
fn advice(user: &HotUser) -> String {
    let hot = user.share >= SHARE && user.reads + user.writes >= RATE;
    match (hot, user.isolated) {
        (true, false) => format!("myriad user isolate {} --to SHARD", user.user_id),
        (true, true) => "alone".to_owned(),
        (false, true) => format!("no longer hot: myriad user return {}", user.user_id),
        (false, false) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_follows_share_rate_and_place() {
        let user = |share, reads, isolated| HotUser { user_id: 12, share, reads, isolated, ..HotUser::default() };
        assert_eq!(advice(&user(0.3, 400.0, false)), "myriad user isolate 12 --to SHARD");
        assert_eq!(advice(&user(0.3, 400.0, true)), "alone");
        assert_eq!(advice(&user(0.9, 3.0, false)), "", "a share of little is little");
        assert_eq!(advice(&user(0.01, 400.0, false)), "");
        assert_eq!(advice(&user(0.01, 4.0, true)), "no longer hot: myriad user return 12");
    }
}
