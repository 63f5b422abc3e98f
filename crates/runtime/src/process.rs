//! The life of a process: configuration, telemetry, build, run, drain, flush, exit code.

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ready::Readiness,
    shutdown::Shutdown,
    telemetry::{self, Settings, Telemetry},
};

/// The process ran and drained.
pub const EXIT_OK: u8 = 0;
/// It could not start, or failed while it ran; the last line on stderr says why.
pub const EXIT_FAILED: u8 = 1;
/// The arguments or the configuration are wrong; the message names the key.
pub const EXIT_CONFIGURATION: u8 = 2;
/// Draining took longer than the grace time; what was left was dropped.
pub const EXIT_NOT_DRAINED: u8 = 3;

/// Time between the soft signal and the end, at most. A pod's grace period must be longer, by [`Configuration::leave`] too.
pub const GRACE: Duration = Duration::from_secs(9);

/// What a configuration type must offer.
pub trait Configuration: Default + Serialize + DeserializeOwned {
    /// Where logs and traces go.
    fn telemetry(&self) -> &Settings;

    /// Rules that types cannot say.
    ///
    /// # Errors
    /// Names the key and the fix.
    fn validate(&self) -> Result<()>;

    /// How long the process goes on as before, only not ready, once it is told to end: time for a balancer to look elsewhere.
    fn leave(&self) -> Duration {
        Duration::ZERO
    }
}

/// Handles a process hands to its services.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its shutdown.
    pub shutdown: Shutdown,
    /// Its readiness.
    pub ready: Readiness,
    /// Renders `/metrics`.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// Flags that every service has.
#[derive(Debug, Parser)]
struct Arguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, such as `--set limits.pictures=10`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    overrides: Vec<(String, String)>,
    /// Print the configuration in force, without secrets, and end.
    #[arg(long)]
    print_config: bool,
}

/// Reads `key=value`, for clap.
///
/// # Errors
/// Where there is no `=`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must look like key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// `main` of a service: reads flags and configuration, then runs.
pub fn main<C, B, F>(service: &'static str, build: B) -> ExitCode
where
    C: Configuration,
    B: FnOnce(C, Process) -> F,
    F: Future<Output = Result<()>>,
{
    let arguments = Arguments::parse();
    configured(service, arguments.config.as_deref(), &arguments.overrides, arguments.print_config, build)
}

/// Reads the configuration, then prints it or runs: for a command with flags of its own.
pub fn configured<C, B, F>(
    service: &'static str,
    file: Option<&Path>,
    overrides: &[(String, String)],
    print: bool,
    build: B,
) -> ExitCode
where
    C: Configuration,
    B: FnOnce(C, Process) -> F,
    F: Future<Output = Result<()>>,
{
    let config: C = match load(service, file, overrides) {
        Ok(config) => config,
        Err(error) => return refused(service, &error),
    };
    if print {
        return match crate::config::print(&config) {
            Ok(text) => {
                println!("{text}");
                ExitCode::from(EXIT_OK)
            }
            Err(error) => refused(service, &error),
        };
    }
    run(service, config, build)
}

/// Reads and validates a configuration.
///
/// # Errors
/// Names the key and the fix.
fn load<C: Configuration>(service: &str, file: Option<&Path>, overrides: &[(String, String)]) -> Result<C> {
    let config: C = crate::config::load(service, file, overrides)?;
    config.validate()?;
    Ok(config)
}

/// Says on stderr why a process does not start.
fn refused(service: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{service}: {error:#}");
    ExitCode::from(EXIT_CONFIGURATION)
}

/// Runs a built configuration until a signal, then drains.
///
/// `build` starts everything and returns once it runs; it hands its background work to the shutdown's tasks.
fn run<C, B, F>(service: &'static str, config: C, build: B) -> ExitCode
where
    C: Configuration,
    B: FnOnce(C, Process) -> F,
    F: Future<Output = Result<()>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{service}: cannot start its threads: {error}");
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let code = runtime.block_on(live(service, config, build));
    runtime.shutdown_timeout(Duration::from_millis(200));
    ExitCode::from(code)
}

async fn live<C, B, F>(service: &'static str, config: C, build: B) -> u8
where
    C: Configuration,
    B: FnOnce(C, Process) -> F,
    F: Future<Output = Result<()>>,
{
    let telemetry = match telemetry::install(service, config.telemetry()) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{service}: {error:#}");
            return EXIT_CONFIGURATION;
        }
    };
    let code = match start(config, build, &telemetry).await {
        Ok(drained) if drained => EXIT_OK,
        Ok(_) => EXIT_NOT_DRAINED,
        Err(error) => {
            tracing::error!(service, error = format!("{error:#}"), "stopped");
            eprintln!("{service}: {error:#}");
            EXIT_FAILED
        }
    };
    telemetry.flush().await;
    code
}

async fn start<C, B, F>(config: C, build: B, telemetry: &Telemetry) -> Result<bool>
where
    C: Configuration,
    B: FnOnce(C, Process) -> F,
    F: Future<Output = Result<()>>,
{
    let process = Process { shutdown: Shutdown::new(), ready: Readiness::new(), metrics: telemetry.metrics() };
    let (shutdown, ready, leave) = (process.shutdown.clone(), process.ready.clone(), config.leave());
    let mut signals = Signals::new().context("signals cannot be listened to")?;
    tokio::select! {
        started = build(config, process) => started?,
        signal = signals.next() => {
            tracing::info!(signal, "told to end before it was ready");
            return Ok(shutdown.finish(GRACE).await);
        }
    }
    let (upkeep, usage) = (telemetry.metrics(), metrics_process::Collector::default());
    usage.describe();
    usage.collect();
    // A task may ask for the end too, by cancelling the soft token.
    loop {
        tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal, "draining");
                ready.gate("process").close("draining");
                shutdown.leaving.cancel();
                // A second signal cuts it short.
                let _ = tokio::time::timeout(leave, signals.next()).await;
                break;
            }
            () = shutdown.soft.cancelled() => { tracing::error!("a task asked for the end"); break }
            () = tokio::time::sleep(Duration::from_secs(5)) => {
                usage.collect();
                upkeep.run_upkeep();
            }
        }
    }
    Ok(shutdown.finish(GRACE).await)
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
