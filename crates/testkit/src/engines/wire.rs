//! A wire between services and a PostgreSQL server that can be cut where it hurts: around COMMIT.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What becomes of the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// It passes, and its answer too.
    No = 0,
    /// The server gets it and answers; the answer is lost with the connection.
    Answer = 1,
    /// The connection is cut before the server gets it.
    Request = 2,
}

/// A running wire. Dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    switch: Arc<Switch>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Switch {
    next: AtomicU8,
    cuts: AtomicUsize,
}

impl Switch {
    /// What becomes of the COMMIT that is here.
    fn take(&self) -> u8 {
        let cut = self.next.swap(Cut::No as u8, Ordering::SeqCst);
        if cut != Cut::No as u8 {
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        cut
    }
}

impl Wire {
    /// To a server on a port of loopback.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn to(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, super::free_port()?)).await?;
        let port = listener.local_addr()?.port();
        let switch = Arc::new(Switch { next: AtomicU8::new(Cut::No as u8), cuts: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, switch.clone()));
        Ok(Self { port, switch, _tasks: tasks })
    }

    /// Where it is connected to instead of the server.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Says what becomes of the next COMMIT; the ones after it pass.
    pub fn cut_next(&self, cut: Cut) {
        self.switch.next.store(cut as u8, Ordering::SeqCst);
    }

    /// How often it was cut so far.
    pub fn cuts(&self) -> usize {
        self.switch.cuts.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, server: u16, switch: Arc<Switch>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let switch = switch.clone();
        // An end of either side is an end of the connection, and so is a server that is not there.
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await {
                let _ = carry(client, server, &switch).await;
            }
        });
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, switch: &Switch) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let sent = &up[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                let commit = sent.windows(7).any(|part| part == b"COMMIT;");
                let cut = if commit { switch.take() } else { Cut::No as u8 };
                if cut == Cut::Request as u8 {
                    return Ok(());
                }
                server.write_all(sent).await?;
                if cut == Cut::Answer as u8 {
                    return server.read(&mut down).await.map(drop);
                }
            }
            read = server.read(&mut down) => {
                let answer = &down[..read?];
                if answer.is_empty() {
                    return Ok(());
                }
                client.write_all(answer).await?;
            }
        }
    }
}
