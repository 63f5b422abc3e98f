//! HAProxy before the gateways: health checks on their operators' ports, repeats of what is safe to repeat.

use std::{fmt::Write as _, path::Path};

use anyhow::Result;

use super::listens;
use crate::{Daemon, Launch};

/// A gateway as the balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Its public port.
    pub http: u16,
    /// The port that answers `/readyz`.
    pub ops: u16,
}

/// Whether somebody's requests all go to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Each request to whichever is next.
    None,
    /// To the one that a cookie names: for showing what that costs.
    Cookie,
}

/// A running balancer.
#[derive(Debug)]
pub struct Haproxy {
    daemon: Daemon,
    port: u16,
}

impl Haproxy {
    /// Starts it on a port of loopback.
    ///
    /// # Errors
    /// Where it does not start; with its log.
    pub async fn start(directory: &Path, port: u16, backends: &[Backend]) -> Result<Self> {
        Self::start_with(directory, port, backends, Affinity::None).await
    }

    /// The same, with or without affinity.
    ///
    /// # Errors
    /// Where it does not start; with its log.
    pub async fn start_with(directory: &Path, port: u16, backends: &[Backend], affinity: Affinity) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = directory.join("haproxy.cfg");
        std::fs::write(&file, configuration(port, backends, affinity))?;
        // Debian installs it where only root's path leads.
        let program =
            ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|path| Path::new(path).exists());
        let launch = Launch::new("haproxy", program.unwrap_or("haproxy"), directory)
            .args(["-db", "-f"])
            .args([file.to_string_lossy()]);
        let daemon = Daemon::start(launch, async || listens(port).await).await?;
        Ok(Self { daemon, port })
    }

    /// The public port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub const fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

/// What is safe to repeat is repeated elsewhere: a connection that was refused always, an answer that never came for reads only.
///
/// A gateway that says that it leaves (any status but 200) gets nothing new and finishes what it has; one that says nothing is down,
/// and who waits for it is cut off at once instead of waiting for as long as it stands still.
fn configuration(port: u16, backends: &[Backend], affinity: Affinity) -> String {
    let mut text = format!(
        "global
  maxconn 4000
  log stderr format raw local0 notice

defaults
  mode http
  log global
  timeout connect 1s
  timeout client 75s
  timeout server 30s
  timeout check 500ms
  timeout queue 5s
  retries 3
  retry-on conn-failure empty-response
  option redispatch 1

frontend public
  bind 127.0.0.1:{port}
  option forwardfor
  http-request deny deny_status 400 if {{ req.ver 1.1 }} !{{ req.hdr(host) -m found }}
  http-request disable-l7-retry unless {{ method GET HEAD }}
  default_backend gateways

backend gateways
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200 error-status L7OKC
  default-server check inter 500ms fastinter 200ms downinter 200ms fall 2 rise 1 on-marked-down shutdown-sessions
"
    );
    if affinity == Affinity::Cookie {
        text.push_str("  cookie SERVER insert indirect nocache\n");
    }
    for Backend { name, http, ops } in backends {
        let cookie = if affinity == Affinity::Cookie { format!(" cookie {name}") } else { String::new() };
        // A string always takes more.
        let _ = writeln!(text, "  server {name} 127.0.0.1:{http} port {ops}{cookie}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gateway_is_a_server_that_is_checked() {
        let one = Backend { name: "gateway-1".to_owned(), http: 8101, ops: 8102 };
        assert!(configuration(80, &[one], Affinity::None).contains("server gateway-1 127.0.0.1:8101 port 8102\n"));
    }
}
