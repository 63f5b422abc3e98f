//! Ports of loopback.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Result, bail};
use tokio::net::TcpStream;

/// Below what systems give to outgoing connections: one of those could else sit on a port before its server starts.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// Each process begins somewhere else, and within one no port is drawn twice.
static NEXT: LazyLock<AtomicU32> =
    LazyLock::new(|| AtomicU32::new(u32::try_from(RandomState::new().hash_one(std::process::id()) >> 32).unwrap_or(0)));

/// A port that nobody listens on, for engines that cannot be asked which one they took.
///
/// # Errors
/// Where none is left.
pub fn free_port() -> Result<u16> {
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(port)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free");
}

/// Whether somebody listens there.
pub async fn listens(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_drawn_twice_and_none_is_one_of_outgoing_connections() {
        let mut ports: Vec<u16> = (0..100).map(|_| free_port().unwrap()).collect();
        assert!(ports.iter().all(|port| *port < 32_768));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
    }
}
