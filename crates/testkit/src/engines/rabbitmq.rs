//! RabbitMQ with a user and a password, on loopback only, with a name server (epmd) of its own: nothing is shared with another broker
//! of this machine.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{free_port, listens, watchdog::Watchdog};
use crate::{Daemon, Launch};

/// Where Debian keeps the programs that do not change the user first.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
/// Whom the broker knows.
const USER: &str = "myriad";
/// The password asked for.
const PASSWORD: &str = "a.broker:s/pass%word";
/// The node's name. Nodes are told apart by their name servers, so a directory can be started on another port.
const NODE: &str = "myriad@localhost";
/// One scheduler that sleeps when there is nothing to do, and a connection between nodes that leaves loopback nowhere.
const MACHINE: &str =
    "+S 1:1 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}";

/// A running broker. Dropped, or left behind by this process, it ends; its directory stays with who made it.
#[derive(Debug)]
pub struct Rabbitmq {
    broker: Daemon,
    names: Daemon,
    /// Over the name server, which outlives restarts.
    names_watchdog: Option<Watchdog>,
    watchdog: Option<Watchdog>,
    directory: PathBuf,
    port: u16,
    remove_after_exit: bool,
}

impl Rabbitmq {
    /// Starts one on a free port of loopback, with its data in a directory that exists. A broker that is there already is started
    /// as it is.
    ///
    /// # Errors
    /// Where RabbitMQ is not installed, or with its log where it does not start.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_on(directory, free_port()?).await
    }

    /// The same for a broker in a static: its directory is removed once this process has ended.
    ///
    /// # Errors
    /// As [`Rabbitmq::start`].
    pub async fn start_for_process(directory: &Path) -> Result<Self> {
        let mut broker = Self::start(directory).await?;
        broker.remove_after_exit = true;
        broker.watch()?;
        Ok(broker)
    }

    /// Starts one on a port of loopback.
    ///
    /// # Errors
    /// As [`Rabbitmq::start`].
    pub async fn start_on(directory: &Path, port: u16) -> Result<Self> {
        ensure!(
            Path::new(PROGRAMS).join("rabbitmq-server").exists(),
            "RabbitMQ is not installed in {PROGRAMS}: `make test` installs it"
        );
        configure(directory, port)?;
        let names_port = free_port()?;
        let environment = environment(directory, names_port, free_port()?);
        let names =
            Launch::new("epmd", "epmd", directory).args(["-address", "127.0.0.1", "-port", &names_port.to_string()]);
        let names = Daemon::start(names, async || listens(names_port).await).await?;
        let mut launch = Launch::new("rabbitmq", Path::new(PROGRAMS).join("rabbitmq-server"), directory);
        launch.environment = environment;
        let broker = Daemon::start(launch, async || answers(port).await).await?;
        let directory = directory.to_owned();
        let mut started =
            Self { broker, names, names_watchdog: None, watchdog: None, directory, port, remove_after_exit: false };
        started.watch()?;
        Ok(started)
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address, without user and password.
    pub fn url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.port)
    }

    /// Its user.
    pub const fn user(&self) -> &'static str {
        USER
    }

    /// The user's password.
    pub const fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.broker.pid()
    }

    /// The file it logs to.
    pub fn log(&self) -> PathBuf {
        self.broker.launch().log()
    }

    /// SIGKILL to the broker; what it has confirmed is on disk.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.watchdog = None;
        self.broker.kill().await
    }

    /// An orderly stop: connections are closed with a reason.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        self.watchdog = None;
        self.broker.stop().await.map(|_| ())
    }

    /// Starts it again after `kill` or `stop`, on the same port with the same data.
    ///
    /// # Errors
    /// With its log, where it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        let port = self.port;
        self.broker.restart(async || answers(port).await).await?;
        self.watch()
    }

    /// Stops it in its tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.broker.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.broker.thaw();
    }

    /// What `rabbitmqctl` prints when run against it. Takes seconds.
    ///
    /// # Errors
    /// With what it says.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let mut launch = Launch::new("rabbitmqctl", Path::new(PROGRAMS).join("rabbitmqctl"), &self.directory)
            .args(["-q", "-n", NODE])
            .args(arguments.iter().copied());
        launch.environment.clone_from(&self.broker.launch().environment);
        launch.run().await
    }

    fn watch(&mut self) -> Result<()> {
        let broker = self.broker.pid().context("the broker has ended")?;
        let names = self.names.pid().context("the broker's name server has ended")?;
        let directory = self.remove_after_exit.then_some(self.directory.as_path());
        if self.names_watchdog.is_none() {
            self.names_watchdog = Some(Watchdog::over(names, "KILL", None)?);
        }
        self.watchdog = Some(Watchdog::over(broker, "KILL", directory)?);
        Ok(())
    }
}

impl Drop for Rabbitmq {
    fn drop(&mut self) {
        // The daemons are killed by their own drop.
        self.watchdog = None;
        self.names_watchdog = None;
    }
}

fn configure(directory: &Path, port: u16) -> Result<()> {
    let text = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         default_user = {USER}\n\
         default_pass = {PASSWORD}\n\
         log.console = true\n\
         log.console.level = info\n\
         log.file = false\n\
         vm_memory_high_watermark.absolute = 512MB\n\
         disk_free_limit.absolute = 50MB\n"
    );
    let file = directory.join("rabbitmq.conf");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    fs::write(directory.join("enabled_plugins"), "[].\n")?;
    Ok(())
}

fn environment(directory: &Path, names_port: u16, nodes_port: u16) -> Vec<(String, String)> {
    let home = directory.to_string_lossy().into_owned();
    let within = |name: &str| directory.join(name).to_string_lossy().into_owned();
    [
        // The cookie by which nodes know one another is made here.
        ("HOME", home.clone()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", names_port.to_string()),
        ("RABBITMQ_BASE", home),
        ("RABBITMQ_MNESIA_BASE", within("mnesia")),
        ("RABBITMQ_LOG_BASE", within("log")),
        ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", within("no-further-environment")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins")),
        ("RABBITMQ_NODENAME", NODE.to_owned()),
        ("RABBITMQ_DIST_PORT", nodes_port.to_string()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", MACHINE.to_owned()),
        // The script becomes the broker instead of waiting for it, so that a signal reaches the broker.
        ("detached", "true".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Whether it says the first word of the protocol.
async fn answers(port: u16) -> bool {
    let greeted = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    };
    // A method frame: Connection.Start.
    matches!(tokio::time::timeout(Duration::from_secs(2), greeted).await, Ok(Ok(1)))
}
