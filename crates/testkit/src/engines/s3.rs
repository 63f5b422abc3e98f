//! An S3 server over a directory: the `s3-server` of this workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{process::Command, sync::Mutex};

use super::{free_port, listens};
use crate::{Daemon, Launch};

const SERVER: &str = "s3-server";
const ACCESS_KEY: &str = "myriad-tests";
const SECRET_KEY: &str = "a-secret-of-the-object-store";
const BUCKET: &str = "pictures";

/// A running S3 server with one bucket. Dropped, it is killed.
#[derive(Debug)]
pub struct S3 {
    port: u16,
    root: PathBuf,
    daemon: Daemon,
}

impl S3 {
    /// Starts one on a free port of loopback, in a directory that exists. Its program is looked for beside the running one and built
    /// where it is missing.
    ///
    /// # Errors
    /// With its log, where it does not become ready.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_on(directory, free_port()?).await
    }

    /// Starts one on a port of loopback, in a directory that exists.
    ///
    /// # Errors
    /// As [`S3::start`].
    pub async fn start_on(directory: &Path, port: u16) -> Result<Self> {
        let root = directory.join("s3");
        let listen = format!("127.0.0.1:{port}");
        let launch = Launch::new("s3", program().await?, directory)
            .args(["--listen", &listen, "--root", &root.display().to_string(), "--bucket", BUCKET])
            .env("S3_ACCESS_KEY", ACCESS_KEY)
            .env("S3_SECRET_KEY", SECRET_KEY);
        let daemon = Daemon::start(launch, async || listens(port).await).await?;
        Ok(Self { port, root, daemon })
    }

    /// Where it answers, `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its bucket.
    pub const fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// What callers sign with.
    pub const fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret of it.
    pub const fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// Where the bucket's objects lie on disk, for who wants to look behind the API.
    pub fn files(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// The process: its id, its freezing and thawing.
    pub const fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.daemon.kill().await
    }

    /// SIGTERM; it ends at once.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(&mut self) -> Result<()> {
        self.daemon.stop().await.map(drop)
    }

    /// Stops it in its tracks: connections are accepted by the kernel and nobody answers.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// Starts it again after `kill` or `stop`, with what it held.
    ///
    /// # Errors
    /// As [`S3::start`].
    pub async fn restart(&mut self) -> Result<()> {
        let port = self.port;
        self.daemon.restart(async || listens(port).await).await
    }
}

/// The server beside the program that runs now (`target/debug/deps/it-…` or `target/debug/…`), built where it is not there.
async fn program() -> Result<PathBuf> {
    static BUILDING: Mutex<()> = Mutex::const_new(());
    let here = env::current_exe().context("where is this program?")?;
    let mut folder = here.parent().context("this program is in no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("deps is in no folder")?;
    }
    let program = folder.join(SERVER);
    let _building = BUILDING.lock().await;
    if !program.is_file() {
        build(folder).await?;
        ensure!(program.is_file(), "cargo build -p {SERVER} did not make {}", program.display());
    }
    Ok(program)
}

async fn build(folder: &Path) -> Result<()> {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--quiet", "-p", SERVER, "--profile", profile]);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    let output = build.output().await.context("cannot run cargo")?;
    ensure!(output.status.success(), "{SERVER} cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
