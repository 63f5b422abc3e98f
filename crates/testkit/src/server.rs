//! A real `myriad serve` in a directory of its own, on ports of its own.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::Api;

/// How long a server may take to say that it is ready, also on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The binary.
    pub binary: PathBuf,
    /// Number of shards.
    pub shards: u32,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// The binary with its defaults.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self { binary: binary.as_ref().to_owned(), shards: 1, arguments: Vec::new(), environment: Vec::new() }
    }

    /// With a number of shards.
    #[must_use]
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// With `--set key=value`.
    #[must_use]
    pub fn set(mut self, setting: &str) -> Self {
        self.arguments.extend(["--set".to_owned(), setting.to_owned()]);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// A running server. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    options: Options,
    directory: TempDir,
    http: String,
    ops: String,
}

impl Server {
    /// Starts in an empty directory and waits until ready.
    pub async fn start(options: Options) -> Result<Self> {
        let directory = TempDir::with_prefix("myriad-test-")?;
        let (child, http, ops) = launch(&options, directory.path()).await?;
        Ok(Self { child, options, directory, http, ops })
    }

    /// A client of the public port.
    pub fn api(&self) -> Result<Api> {
        Api::new(&self.http)
    }

    /// A client of the operators' port.
    pub fn ops(&self) -> Result<Api> {
        Api::new(&self.ops)
    }

    /// The public port as `host:port`.
    pub fn address(&self) -> &str {
        self.http.trim_start_matches("http://")
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("kill")
    }

    /// Waits for its end, such as after a failpoint.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(tokio::time::timeout(START_LIMIT, self.child.wait()).await??)
    }

    /// Asks it to end (SIGTERM) and waits.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        let pid = self.child.id().context("it has ended already")?;
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent");
        }
        self.ended().await
    }

    /// Starts it again in the same directory, on new ports.
    pub async fn restart(&mut self) -> Result<()> {
        self.restart_with(self.options.clone()).await
    }

    /// Starts it again in the same directory with other options.
    pub async fn restart_with(&mut self, options: Options) -> Result<()> {
        (self.child, self.http, self.ops) = launch(&options, self.directory.path()).await?;
        self.options = options;
        Ok(())
    }
}

async fn launch(options: &Options, directory: &Path) -> Result<(Child, String, String)> {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("stderr.log"))?;
    let mut child = Command::new(&options.binary)
        .args(["serve", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--shards", &options.shards.to_string()])
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(&options.arguments)
        .envs(options.environment.iter().map(|(key, value)| (key, value)))
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", options.binary.display()))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let found = tokio::time::timeout(START_LIMIT, addresses(stdout)).await;
    match found {
        Ok(Ok((http, ops))) => Ok((child, http, ops)),
        _ => bail!("did not start: {}", std::fs::read_to_string(directory.join("stderr.log"))?),
    }
}

/// Reads the two addresses from what `serve` prints once it is ready.
async fn addresses(stdout: tokio::process::ChildStdout) -> Result<(String, String)> {
    let mut lines = BufReader::new(stdout).lines();
    let (mut http, mut ops) = (None, None);
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = field(&line, "page") {
            http = Some(url);
        }
        if let Some(url) = field(&line, "operators") {
            ops = Some(url);
        }
        if let (Some(http), Some(ops)) = (&http, &ops) {
            return Ok((http.clone(), ops.clone()));
        }
    }
    bail!("it ended before it was ready")
}

fn field(line: &str, name: &str) -> Option<String> {
    let rest = line.trim().strip_prefix(name)?.trim();
    rest.starts_with("http://").then(|| rest.trim_end_matches('/').to_owned())
}
