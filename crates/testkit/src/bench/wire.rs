//! The lightest HTTP client that will do: one connection, one request at a time, bytes in, status out.
//!
//! Load and server share two cores, so what the client spends is taken from the server.

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A kept connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// To `host:port`.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads a whole answer with a Content-Length: its status.
    ///
    /// # Errors
    /// Where the connection ends before.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("closed");
            }
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let length: usize = text
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().to_owned())
            })
            .map_or(Ok(0), |value| value.parse())?;
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("closed in the body");
            }
        }
        Ok(status)
    }

    /// Whether the last answer said that the connection ends with it.
    pub fn closes(&self) -> bool {
        let text = String::from_utf8_lossy(&self.buffer);
        let head = text.split_once("\r\n\r\n").map_or(&*text, |(head, _)| head);
        head.lines().any(|line| line.eq_ignore_ascii_case("connection: close"))
    }

    /// The code of the problem that the last answer was; empty where it was none.
    pub fn code(&self) -> &str {
        let text = std::str::from_utf8(&self.buffer).unwrap_or_default();
        let code = text.split_once("\"code\":\"").and_then(|(_, rest)| rest.split('"').next());
        code.unwrap_or_default()
    }
}
