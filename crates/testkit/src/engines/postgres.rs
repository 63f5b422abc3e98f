//! A PostgreSQL server of one's own: made by `initdb`, on a free port of loopback, with passwords, as in production.

mod replica;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::{port::free_port, watchdog::Watchdog};
use crate::{Daemon, Launch, User, eventually};

/// The superuser that `initdb` makes.
pub const SUPERUSER: &str = "postgres";
/// Its password; asked for, so that a wrong one is refused.
pub const PASSWORD: &str = "the test kit's superuser";

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether commits reach the disk. Off only where nothing is killed and nothing measured.
    pub fsync: bool,
    /// Further settings, `name=value`.
    pub parameters: Vec<String>,
    /// Whether the directory it was started in is removed after this process has ended without dropping it: for servers in statics.
    pub remove_after_exit: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { fsync: true, parameters: Vec::new(), remove_after_exit: false }
    }
}

/// A running server. Dropped, or left behind by this process, it ends; its directory stays with who made it.
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    watchdog: Option<Watchdog>,
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    settings: Settings,
}

impl Postgres {
    /// The server of this process, for tests that neither stop nor kill it: made by the first who asks, gone with the process. Quick:
    /// commits do not reach the disk.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| async {
                let directory = tempfile::Builder::new().prefix("myriad-postgres-").tempdir()?.keep();
                // Each test has pools of its own, and there are as many at once as processors.
                let parameters = vec!["max_connections=500".to_owned()];
                let settings = Settings { fsync: false, remove_after_exit: true, parameters };
                Self::start_with(&directory, settings).await
            })
            .await
    }

    /// Makes a database of a name that no other has got from here: the name.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn fresh_database(&self) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.create_database(&name).await?;
        Ok(name)
    }

    /// Makes a server in `directory/postgres` and starts it. A server that is there already is started as it is.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed, or with its log where it does not start.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_with(directory, Settings::default()).await
    }

    /// The same with settings.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_with(directory: &Path, settings: Settings) -> Result<Self> {
        let programs = programs()?;
        let user = User::unprivileged(SUPERUSER)?;
        let home = home(directory, user)?;
        if !home.join("data/PG_VERSION").exists() {
            init(&programs, &home, user, settings.fsync).await?;
        }
        Self::start_in(programs, home, user, settings).await
    }

    async fn start_in(programs: PathBuf, home: PathBuf, user: Option<User>, settings: Settings) -> Result<Self> {
        // Another may take the port before the server does.
        for _ in 0..5 {
            let port = free_port()?;
            let launch = launch(&programs, &home, user, port, &settings);
            match Daemon::start(launch, async || is_ready(&programs, &home, port).await).await {
                Ok(daemon) => {
                    let mut server = Self { daemon, watchdog: None, programs, directory: home, port, settings };
                    server.watch()?;
                    return Ok(server);
                }
                Err(error) if format!("{error:#}").contains("Address already in use") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("no port stayed free for PostgreSQL")
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where a database is, without credentials: what a catalog holds.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://127.0.0.1:{}/{database}", self.port)
    }

    /// How a service comes in as the superuser, as its settings take it: with patience for a busy machine, and few connections, for
    /// there are many tests.
    pub fn client_settings() -> serde_json::Value {
        serde_json::json!({
            "user": SUPERUSER, "password": PASSWORD, "pool": 4, "readers": 2,
            "acquire_ms": 60_000, "statement_ms": 30_000, "lock_ms": 30_000
        })
    }

    /// Makes a database.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        ensure!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name:?} is no plain name");
        self.sql("postgres", &format!("CREATE DATABASE {name}")).await.map(drop)
    }

    /// Runs statements as the superuser: what psql prints, unaligned.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn sql(&self, database: &str, statements: &str) -> Result<String> {
        self.psql(database, SUPERUSER, PASSWORD, &[], statements).await
    }

    /// Runs statements as somebody.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn sql_as(&self, database: &str, user: &str, password: &str, statements: &str) -> Result<String> {
        self.psql(database, user, password, &[], statements).await
    }

    /// Runs a script of psql's as the superuser, with its variables.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn script(&self, database: &str, script: &str, variables: &[(&str, &str)]) -> Result<String> {
        self.psql(database, SUPERUSER, PASSWORD, variables, script).await
    }

    async fn psql(
        &self,
        database: &str,
        user: &str,
        password: &str,
        variables: &[(&str, &str)],
        text: &str,
    ) -> Result<String> {
        // A file, not `-c`: only there are variables replaced and several statements each their own transaction.
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), text)?;
        let port = self.port.to_string();
        let variables = variables.iter().flat_map(|(name, value)| ["-v".to_owned(), format!("{name}={value}")]);
        let command = Launch::new("psql", self.programs.join("psql"), &self.directory)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port])
            .args(["-U", user, "-d", database])
            .args(variables)
            .args(["-f".to_owned(), file.path().to_string_lossy().into_owned()])
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "20");
        Ok(command.run().await?.trim_end().to_owned())
    }

    /// SIGKILL to the postmaster and every backend; returns when all are gone.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.watchdog = None;
        self.daemon.kill().await?;
        self.wait_for_backends().await;
        Ok(())
    }

    /// A fast stop: sessions are ended, then the server.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        self.watchdog = None;
        self.daemon.signal(Signal::INT);
        self.daemon.stop().await?;
        self.wait_for_backends().await;
        Ok(())
    }

    /// Starts it again after `kill` or `stop`, on the same port.
    ///
    /// # Errors
    /// With its log, where it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        let (programs, directory, port) = (self.programs.clone(), self.directory.clone(), self.port);
        self.daemon.restart(async || is_ready(&programs, &directory, port).await).await?;
        self.watch()
    }

    /// Stops it and all its backends in their tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// The file it logs to.
    pub fn log(&self) -> PathBuf {
        self.daemon.launch().log()
    }

    fn watch(&mut self) -> Result<()> {
        let pid = self.daemon.pid().context("the server has ended")?;
        let directory = self.directory.parent().filter(|_| self.settings.remove_after_exit);
        // QUIT: at once. What was acknowledged is in the log.
        self.watchdog = Some(Watchdog::over(pid, "QUIT", directory)?);
        Ok(())
    }

    /// A backend that was being forked while its family was killed lives until it notices; its shared memory would stop a restart.
    async fn wait_for_backends(&self) {
        let data = self.directory.join("data");
        eventually("all backends are gone", Duration::from_mins(1), async || {
            let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
            let mut homes = processes.filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok());
            (!homes.any(|home| home == data)).then_some(())
        })
        .await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The daemon is killed by its own drop.
        self.watchdog = None;
    }
}

/// The newest installed server's programs.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    found.sort();
    if let Some((_, programs)) = found.pop() {
        return Ok(programs);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    on_path.context("PostgreSQL is not installed: `make test` installs it")
}

/// The server's own directory, which its user may enter.
fn home(directory: &Path, user: Option<User>) -> Result<PathBuf> {
    let home = directory.join("postgres");
    fs::create_dir_all(&home)?;
    if let Some(user) = user {
        // Temporary directories belong to root alone; the server's user only has to get through.
        fs::set_permissions(directory, Permissions::from_mode(0o711))?;
        user.give(&home)?;
    }
    Ok(home)
}

async fn init(programs: &Path, home: &Path, user: Option<User>, fsync: bool) -> Result<()> {
    let secret = home.join("password");
    fs::write(&secret, PASSWORD)?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    if let Some(user) = user {
        user.give(&secret)?;
    }
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let made = Launch::new("initdb", programs.join("initdb"), home)
        .args(["-D".to_owned(), path(&home.join("data"))])
        .args(["-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
        .args([format!("--pwfile={}", path(&secret))])
        .args((!fsync).then_some("--no-sync"))
        .user(user)
        .run()
        .await;
    fs::remove_file(&secret)?;
    made.map(drop)
}

fn launch(programs: &Path, home: &Path, user: Option<User>, port: u16, settings: &Settings) -> Launch {
    let mut parameters = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={}", home.display()),
        "max_connections=200".to_owned(),
        "wal_level=replica".to_owned(),
        "shared_buffers=64MB".to_owned(),
        format!("fsync={}", if settings.fsync { "on" } else { "off" }),
    ];
    parameters.extend(settings.parameters.iter().cloned());
    Launch::new("postgres", programs.join("postgres"), home)
        .args(["-D".to_owned(), home.join("data").to_string_lossy().into_owned()])
        .args(parameters.into_iter().flat_map(|parameter| ["-c".to_owned(), parameter]))
        .user(user)
}

async fn is_ready(programs: &Path, home: &Path, port: u16) -> bool {
    let ask = Launch::new("pg_isready", programs.join("pg_isready"), home)
        .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
        .run()
        .await;
    ask.is_ok()
}
