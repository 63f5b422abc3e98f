//! The suite on a real Kubernetes: `make cluster-test`. Eleven points, each driven from outside through the gateway's node port and
//! judged by what clients saw; a table of figures at the end. It works in the overlay's namespace of the current context and nowhere else.

mod kube;
mod load;
mod points;

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use clap::Parser;
use comfy_table::Table;
use futures::FutureExt as _;

use crate::{kube::Kube, points::Context};

/// What to run, and where.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// The gateway's node port, as seen from here.
    #[arg(long, default_value = "127.0.0.1:30080")]
    address: String,
    /// The overlay that is applied.
    #[arg(long, default_value = "k8s/overlays/local")]
    overlay: String,
    /// Its namespace.
    #[arg(long, default_value = "myriad")]
    namespace: String,
    /// The program whose `demo` is run.
    #[arg(long, default_value = "target/release/myriad")]
    myriad: String,
    /// Tag of the images in the overlay, and of those with one migration more.
    #[arg(long, default_value = "dev")]
    tag: String,
    /// See `tag`.
    #[arg(long, default_value = "next")]
    next_tag: String,
    /// Numbers of the points to run; all where none is given. The first one begins from nothing.
    #[arg(long = "point")]
    points: Vec<usize>,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cluster-test: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let kube = Kube::new(&arguments.namespace);
    let context = Context::new(arguments, kube)?;
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["point", "", "s", "figures"]);
    let mut green = true;
    for (number, (name, point)) in (1..).zip(points::ALL) {
        if !context.arguments.points.is_empty() && !context.arguments.points.contains(&number) {
            continue;
        }
        println!("== {number}. {name}");
        let begun = Instant::now();
        // What a check of the test kit panics with is a failure of the point and no end of the suite.
        let ended = std::panic::AssertUnwindSafe(point(&context)).catch_unwind().await;
        let ended = ended.unwrap_or_else(|panic| {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(anyhow::anyhow!("{}", text.unwrap_or("a check failed")))
        });
        green &= ended.is_ok();
        let (word, figures) = match ended {
            Ok(figures) => ("green", figures),
            Err(error) => ("RED", format!("{error:#}")),
        };
        println!("   {word} after {} s: {figures}", begun.elapsed().as_secs());
        table.add_row([format!("{number}. {name}"), word.into(), begun.elapsed().as_secs().to_string(), figures]);
    }
    println!("\n{table}");
    Ok(green)
}
