//! Raw bytes over TCP, for what no HTTP client would send.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Sends bytes and reads until the server closes or `wait` has passed. The second value says whether it closed.
pub async fn exchange(address: &str, bytes: &[u8], wait: Duration) -> Result<(Vec<u8>, bool)> {
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    stream.write_all(bytes).await.context("write")?;
    let mut answer = Vec::new();
    // A reset after the answer counts as closed, too.
    let closed = timeout(wait, stream.read_to_end(&mut answer)).await.is_ok();
    Ok((answer, closed))
}
