//! `stack up|down|status`: the whole of Myriad on real engines, on this machine.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use stack::supervisor;

/// Myriad's services and their engines on loopback.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where everything is kept.
    #[arg(long = "dir", global = true, default_value = "/tmp/myriad-stack", value_name = "DIR")]
    directory: PathBuf,
    /// The public port.
    #[arg(long, global = true, default_value_t = 8080)]
    http: u16,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Start it in the background.
    Up,
    /// Start it here, until a signal.
    Run,
    /// End it and remove its directory.
    Down,
    /// Who runs where.
    Status,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let directory = std::path::absolute(&arguments.directory)?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        match arguments.command {
            Command::Up => supervisor::up(&directory, arguments.http).await,
            Command::Run => supervisor::run(&directory, arguments.http).await,
            Command::Down => supervisor::down(&directory).await,
            Command::Status => supervisor::status(&directory).await,
        }
    })
}
