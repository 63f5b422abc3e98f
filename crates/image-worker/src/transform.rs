//! The process that touches one picture and may die alone: `image-worker transform`, `myriad transform`.
//!
//! It has no runtime, no connections and no secrets. It limits itself before it reads a byte of the picture.

mod limits;

use std::fs;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::domain::failure::Failure;
use crate::protocol::{Made, Report, Spec};

/// The argument that makes a binary this process.
pub const COMMAND: &str = "transform";

/// Exit code where neither the picture nor the request is at fault.
pub(crate) const EXIT_OURS: i32 = 70;
const EXIT_ORPHANED: i32 = 71;
/// Half of the memory is for pixels; an encoder takes as much again.
const PIXELS_SHARE: u64 = 2;
/// A spec is a few KiB: 16 variants of 32 operations.
const SPEC_MAX_BYTES: u64 = 1024 * 1024;

/// `main` of the process. Reads its spec from stdin, writes its report to stdout.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transform: {error:#}");
            ExitCode::from(EXIT_OURS.to_le_bytes()[0])
        }
    }
}

fn run() -> Result<()> {
    let spec = read_spec()?;
    end_with_the_worker()?;
    limits::apply(&spec.limits).context("the limits cannot be set")?;
    let report = serde_json::to_string(&transform(&spec)?)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{report}")?;
    Ok(stdout.flush()?)
}

fn read_spec() -> Result<Spec> {
    let mut line = String::new();
    io::stdin().lock().take(SPEC_MAX_BYTES).read_line(&mut line).context("no spec on stdin")?;
    serde_json::from_str(&line).context("this command is run by an image worker, with a spec on stdin")
}

/// The worker keeps stdin open for as long as it wants the outputs. Killed or not, its end ends this process.
fn end_with_the_worker() -> io::Result<()> {
    let watch = || {
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        std::process::exit(EXIT_ORPHANED);
    };
    std::thread::Builder::new().name("worker-watch".to_owned()).stack_size(128 * 1024).spawn(watch)?;
    Ok(())
}

fn transform(spec: &Spec) -> Result<Report> {
    let source = fs::read(&spec.source).context("the source cannot be read")?;
    let request = match picture::Request::from_json(&spec.request) {
        Ok(request) => request,
        Err(error) => return Ok(refused(&error)),
    };
    let limits = imaging::Limits { max_bytes: spec.limits.memory_bytes / PIXELS_SHARE, ..imaging::Limits::default() };
    let outputs = match imaging::transform(&source, &request, &limits) {
        Ok(outputs) => outputs,
        Err(imaging::Error::Refused(error)) => return Ok(refused(&error)),
        Err(imaging::Error::Broken { cause }) => {
            eprintln!("transform: {cause}");
            return Ok(of_failure(Failure::broken()));
        }
        Err(imaging::Error::Memory { .. }) => return Ok(of_failure(Failure::out_of_memory())),
        // libwebp is the one encoder that says so instead of aborting.
        Err(imaging::Error::Encoding(cause)) if cause.contains("OUT_OF_MEMORY") => {
            return Ok(of_failure(Failure::out_of_memory()));
        }
        Err(error @ imaging::Error::Encoding(_)) => return Err(error.into()),
    };
    let made = outputs.into_iter().enumerate().map(|(index, output)| write(&spec.outputs, index, output));
    Ok(Report::Made(made.collect::<Result<_>>()?))
}

fn write(dir: &Path, index: usize, output: imaging::Output) -> Result<Made> {
    fs::write(dir.join(index.to_string()), &output.bytes).context("an output cannot be written")?;
    Ok(Made {
        name: output.name,
        width: output.width,
        height: output.height,
        format: output.format.as_str().to_owned(),
    })
}

fn of_failure(failure: Failure) -> Report {
    Report::Refused { code: failure.code, detail: failure.detail }
}

fn refused(error: &model::Error) -> Report {
    Report::Refused { code: error.code.as_str().to_owned(), detail: error.detail.clone() }
}
