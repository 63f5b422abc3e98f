//! Redis as a cache: a password, little memory, nothing on disk.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::free_port;
use crate::{Daemon, Launch};

/// What the server asks for.
const PASSWORD: &str = "a-cache's-password";

/// A running Redis. Dropped, it is killed.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    daemon: Daemon,
}

impl Redis {
    /// Starts one on a free port of loopback, in a directory that exists.
    ///
    /// # Errors
    /// With its log, where it does not become ready.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_on(directory, free_port()?).await
    }

    /// Starts one on a port of loopback, in a directory that exists.
    ///
    /// # Errors
    /// With its log, where it does not become ready.
    pub async fn start_on(directory: &Path, port: u16) -> Result<Self> {
        // In a file, for arguments can be read by everybody.
        let file = directory.join("redis.conf");
        let text = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass \"{PASSWORD}\"\nmaxmemory 64mb\nmaxmemory-policy allkeys-lru\n\
             save \"\"\nappendonly no\ndaemonize no\n"
        );
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let launch = Launch::new("redis", "redis-server", directory).args(["redis.conf"]);
        let daemon = Daemon::start(launch, async || answers(port).await).await?;
        Ok(Self { port, daemon })
    }

    /// Its address with the password.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Its address without the password.
    pub fn url_without_password(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The password.
    pub const fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.daemon.kill().await
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        self.daemon.signal(Signal::TERM);
        self.daemon.stop().await.map(|_| ())
    }

    /// Stops it in its tracks: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.daemon.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon.thaw();
    }

    /// Starts it again after `kill` or `stop`: empty, on the same port.
    ///
    /// # Errors
    /// With its log, where it does not become ready.
    pub async fn restart(&mut self) -> Result<()> {
        let port = self.port;
        self.daemon.restart(async || answers(port).await).await
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn flush(&self) -> Result<()> {
        let answer = self.command("FLUSHALL").await?;
        ensure!(answer.starts_with("+OK"), "FLUSHALL was answered with {answer}");
        Ok(())
    }

    /// Sends one command, written as on a command line, and returns the answer as it comes over the wire (its first 64 KiB).
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn command(&self, line: &str) -> Result<String> {
        tokio::time::timeout(Duration::from_secs(10), command(self.port, line))
            .await
            .with_context(|| format!("Redis did not answer {line}"))?
    }
}

async fn answers(port: u16) -> bool {
    command(port, "PING").await.is_ok_and(|answer| answer.starts_with("+PONG"))
}

async fn command(port: u16, line: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("AUTH \"{PASSWORD}\"\r\n").as_bytes()).await?;
    let answer = read(&mut stream).await?;
    if !answer.starts_with("+OK") {
        bail!("Redis refuses its password: {answer}");
    }
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> Result<String> {
    let mut bytes = vec![0; 64 * 1024];
    let count = stream.read(&mut bytes).await?;
    ensure!(count > 0, "Redis has closed the connection");
    bytes.truncate(count);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
