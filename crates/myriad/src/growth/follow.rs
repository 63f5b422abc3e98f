//! Looks on while moves go on: a bar, and the end. Interrupted, it only stops looking.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use api::growth::v1::growth_service_client::GrowthServiceClient;
use api::growth::v1::{ListMovesRequest, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::grpc::Client;

use crate::operator::Server;

const LOOK: Duration = Duration::from_millis(250);
/// How long the router may be away before the look is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Follows an operation until every move of it is committed or undone.
pub async fn follow(client: &mut GrowthServiceClient<Client>, server: &Server, operation: &str) -> Result<()> {
    let bar = ProgressBar::new(0);
    let style = "{spinner} {wide_bar} {pos}/{len} moves  {per_sec}  {eta}  {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    let began = Instant::now();
    let mut heard = Instant::now();
    loop {
        let request = ListMovesRequest { operation: operation.to_owned(), ended: 0 };
        let answer = match client.list_moves(request).await {
            Ok(answer) => answer.into_inner(),
            Err(_) if heard.elapsed() < PATIENCE => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(status) => return Err(server.explain(&status)),
        };
        heard = Instant::now();
        let progress = answer.progress.unwrap_or_default();
        bar.set_length(progress.moves.into());
        bar.set_position((progress.committed + progress.undone).into());
        bar.set_message(format!("{} rows", progress.rows_copied));
        let stuck = answer.moves.iter().find(|row| !row.error.is_empty() && row.step != "undone");
        if let Some(row) = stuck {
            bar.set_message(format!("move {}: {}", row.id, row.error));
        }
        if progress.committed + progress.undone == progress.moves {
            bar.finish_and_clear();
            println!("{} in {:.1} s", line(&progress), began.elapsed().as_secs_f64());
            if let Some(row) = answer.moves.iter().find(|row| row.step == "undone" || row.step == "back") {
                bail!("{} moves were undone; the first, move {}: {}", progress.undone, row.id, row.error);
            }
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How far it is, in words.
pub fn line(progress: &Progress) -> String {
    format!(
        "{} of {} moves committed, {} undone, {} of {} rows",
        progress.committed, progress.moves, progress.undone, progress.rows_copied, progress.rows_total
    )
}
