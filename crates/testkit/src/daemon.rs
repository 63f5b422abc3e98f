//! A real engine or service as a child process: started, waited for, killed, frozen, thawed, started again in the same place.

mod processes;
mod user;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tokio::process::{Child, Command};

pub use user::User;

/// How long a daemon may take to be ready or to end, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// How to start a daemon.
#[derive(Debug, Clone)]
pub struct Launch {
    /// For messages and the log's name.
    pub name: String,
    /// The program: a path or a name on the path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs and where `<name>.log` is written. Exists.
    pub directory: PathBuf,
    /// Whom it runs as, where we are root and it refuses to be.
    pub user: Option<User>,
}

impl Launch {
    /// A program in a directory.
    pub fn new(name: &str, program: impl AsRef<Path>, directory: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: directory.to_owned(),
            user: None,
        }
    }

    /// With further arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// As a user (see [`User::unprivileged`]).
    #[must_use]
    pub const fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Runs it to its end and returns what it printed: for the steps before a start, such as `initdb`.
    ///
    /// # Errors
    /// With what it wrote on stderr, where it fails.
    pub async fn run(&self) -> Result<String> {
        let output = self.command().output().await.with_context(|| self.cannot_start())?;
        if !output.status.success() {
            bail!("{} failed: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The file its output goes to.
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command();
        command.stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| self.cannot_start())
    }

    fn cannot_start(&self) -> String {
        format!("cannot start {} ({}); `make test` installs it", self.name, self.program.display())
    }
}

/// A running daemon. Dropped, it is killed with all its children.
#[derive(Debug)]
pub struct Daemon {
    launch: Launch,
    child: Child,
}

impl Daemon {
    /// Starts it and waits until `ready` says so.
    ///
    /// # Errors
    /// With its log, where it ends before or does not become ready in time.
    pub async fn start(launch: Launch, ready: impl AsyncFn() -> bool) -> Result<Self> {
        let child = launch.spawn()?;
        let mut daemon = Self { launch, child };
        daemon.wait_ready(ready).await?;
        Ok(daemon)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it was started.
    pub const fn launch(&self) -> &Launch {
        &self.launch
    }

    /// SIGKILL to it and all its children; returns when it is gone.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.kill_family();
        self.child.wait().await.context("waiting for a killed daemon")?;
        Ok(())
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} did not end within {LIMIT:?}", self.launch.name))??)
    }

    /// Sends a signal to the daemon itself, such as the one that its own manual names for a fast stop.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            processes::send(pid, signal);
        }
    }

    /// Stops it and all its children in their tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.to_family(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.to_family(Signal::CONT);
    }

    /// Starts it again after `kill` or `stop`, in the same place.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn restart(&mut self, ready: impl AsyncFn() -> bool) -> Result<()> {
        self.child = self.launch.spawn()?;
        self.wait_ready(ready).await
    }

    async fn wait_ready(&mut self, ready: impl AsyncFn() -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.launch.name, self.log_tail());
            }
            if ready().await {
                return Ok(());
            }
            if started.elapsed() > LIMIT {
                bail!("{} was not ready within {LIMIT:?}:\n{}", self.launch.name, self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.launch.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn to_family(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            for member in processes::family(pid) {
                processes::send(member, signal);
            }
        }
    }

    fn kill_family(&self) {
        // A frozen one dies as well; children first counted, for they are adopted by others once their parent is gone.
        self.to_family(Signal::KILL);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill_family();
    }
}
