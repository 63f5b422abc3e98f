//! The worker's side of a transformation: a process of its own, with a spec, a deadline, and nobody's secrets.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::config::Settings;
use crate::domain::{ending, failure::Failure};
use crate::error::Error;
use crate::protocol::{Limits, Made, Report, Spec};
use crate::transform::COMMAND;

/// Most of a report that is read.
const REPORT_MAX_BYTES: u64 = 64 * 1024;
/// Most of stderr that is kept for the log.
const STDERR_MAX_BYTES: u64 = 4 * 1024;
/// Largest output file: 50 megapixels of 16-bit RGBA without compression would be 400 MB.
const FILE_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Runs transformations.
#[derive(Debug)]
pub struct Transformer {
    program: PathBuf,
    limits: Limits,
    time_max: Duration,
}

impl Transformer {
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let program = match &settings.transformer {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(Error::Transformer)?,
        };
        let limits = Limits {
            memory_bytes: settings.memory_mib * 1024 * 1024,
            cpu_s: settings.cpu_s,
            file_bytes: FILE_MAX_BYTES,
            niceness: settings.niceness,
        };
        Ok(Self { program, limits, time_max: Duration::from_secs(settings.time_s) })
    }

    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Transforms; dropping the future kills the process.
    pub async fn run(&self, spec: &Spec) -> Result<Vec<Made>, Failure> {
        let mut child = self.start(spec).map_err(|error| ours("the transformer cannot be started", &error))?;
        match tokio::time::timeout(self.time_max, talk(&mut child, spec)).await {
            Ok(Ok(ended)) => judge(&ended),
            Ok(Err(error)) => Err(ours("the transformer cannot be talked to", &error)),
            Err(_) => {
                // It is reaped here, so that its files can be removed.
                if let Err(error) = child.kill().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a transformation could not be killed");
                }
                Err(Failure::too_slow())
            }
        }
    }

    fn start(&self, spec: &Spec) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg(COMMAND)
            .current_dir(&spec.outputs)
            // It reads bytes from strangers: no variable of ours, and with it no secret, is in its reach.
            .env_clear()
            // Both allocators reserve address space in advance, which the memory limit counts.
            .env("MALLOC_ARENA_MAX", "1")
            .env("MIMALLOC_ARENA_RESERVE", "65536")
            .env("RUST_BACKTRACE", "0")
            // A terminal's Ctrl-C is meant for the worker, which then drains.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// What a process left behind.
struct Ended {
    status: ExitStatus,
    report: Vec<u8>,
    stderr: String,
}

async fn talk(child: &mut Child, spec: &Spec) -> std::io::Result<Ended> {
    let mut line = serde_json::to_vec(spec)?;
    line.push(b'\n');
    let mut stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let tell = async {
        if let Some(stdin) = &mut stdin {
            // One that died before it read is judged by how it ended.
            drop(stdin.write_all(&line).await);
        }
    };
    let ((), report, stderr) =
        tokio::join!(tell, read_some(stdout, REPORT_MAX_BYTES), read_some(stderr, STDERR_MAX_BYTES));
    let status = child.wait().await?;
    // Only now: an end of stdin tells the process that its worker is gone.
    drop(stdin);
    Ok(Ended { status, report: report?, stderr: String::from_utf8_lossy(&stderr?).into_owned() })
}

/// The first `max_bytes`; the rest is read and dropped, so that the writer does not wait for ever.
async fn read_some(from: Option<impl AsyncRead + Unpin>, max_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(max_bytes).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

fn judge(ended: &Ended) -> Result<Vec<Made>, Failure> {
    if !ended.stderr.is_empty() {
        tracing::info!(transform.stderr = ended.stderr.trim_end(), "a transformation said");
    }
    let report = ended.status.success().then(|| serde_json::from_slice(&ended.report));
    match report {
        Some(Ok(Report::Made(made))) => Ok(made),
        Some(Ok(Report::Refused { code, detail })) => Err(Failure::refused(code, detail)),
        Some(Err(_)) | None => Err(ending::failure(ended.status.code(), ended.status.signal(), &ended.stderr)),
    }
}

fn ours(what: &str, error: &std::io::Error) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, what, "a transformation failed by our fault");
    Failure::ours()
}
