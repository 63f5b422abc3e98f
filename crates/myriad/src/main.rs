//! The `myriad` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use myriad::{admin, demo, feed, growth, hot, seed, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A user backend that starts as one process and grows: accounts, profiles, sign-in sessions, pictures.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process.
    Serve(serve::Arguments),
    /// Do the main job against a running server: sign up, sign in, upload a photograph, wait for the pictures.
    Demo(demo::Arguments),
    /// Make, list and unmake administrators.
    Admin(admin::Arguments),
    /// Users that are asked for most, and what may be done about them.
    Hot(hot::Arguments),
    /// Make users who are nobody, to try growth with.
    Seed(seed::Arguments),
    /// Check and rebuild the recent feed.
    Feed(feed::Arguments),
    /// Shards, buckets and moves.
    #[command(flatten)]
    Growth(growth::Command),
    /// Transform one picture; started by the image worker.
    #[command(hide = true)]
    Transform,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Transform => image_worker::transform::main(),
        Command::Demo(arguments) => client(demo::run(arguments)),
        Command::Admin(arguments) => client(admin::run(arguments)),
        Command::Hot(arguments) => client(hot::run(arguments)),
        Command::Seed(arguments) => client(seed::run(arguments)),
        Command::Feed(arguments) => client(feed::run(arguments)),
        Command::Growth(command) => client(growth::run(command)),
    }
}

/// Runs a command that only talks to a server.
fn client(work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    // Refused only where it is installed already, and then it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("myriad: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("myriad: {error:#}");
            ExitCode::FAILURE
        }
    }
}
