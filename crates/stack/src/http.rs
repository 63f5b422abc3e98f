//! Asks whether a process is ready.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const LIMIT: Duration = Duration::from_secs(2);

/// Whether `/readyz` on this port of loopback answers 200.
pub async fn is_ready(port: u16) -> bool {
    tokio::time::timeout(LIMIT, ask(port))
        .await
        .is_ok_and(|answer| answer.is_some_and(|text| text.starts_with("HTTP/1.1 200")))
}

async fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
