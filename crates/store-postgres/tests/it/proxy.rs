//! A wire between engine and server that can be cut where it hurts: around COMMIT.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

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

/// A running proxy. Dropped, it ends with all its connections.
pub struct Proxy {
    pub port: u16,
    cut: Arc<AtomicU8>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(Cut::No as u8));
        let mut tasks = JoinSet::new();
        let cutting = Arc::clone(&cut);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let cut = Arc::clone(&cutting);
                connections.spawn(async move {
                    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.unwrap();
                    // An end of either side is an end of the connection.
                    let _ = carry(client, server, &cut).await;
                });
            }
        });
        Self { port, cut, _tasks: tasks }
    }

    /// Says what becomes of the next COMMIT; the ones after it pass.
    pub fn cut_next(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, cut: &AtomicU8) -> std::io::Result<()> {
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
                let cut = if commit { cut.swap(Cut::No as u8, Ordering::SeqCst) } else { Cut::No as u8 };
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
