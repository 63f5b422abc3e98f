//! The socket as hyper sees it: its bytes pass through the framing check, and its progress is noted.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    framing::{Framing, Refusal},
    progress::Progress,
};

/// What hyper reads in place of the end of a refused head: a header line that cannot be, so that hyper itself answers 400 in its turn
/// (after the answers to what was pipelined before) and closes.
const POISON: &[u8] = b"\0\r\n\r\n";

/// A checked socket.
#[derive(Debug)]
pub struct Guard<S> {
    socket: S,
    framing: Framing,
    progress: Arc<Progress>,
    poison: Option<&'static [u8]>,
    broken: bool,
}

impl<S> Guard<S> {
    /// Wraps a socket.
    pub fn new(socket: S, progress: Arc<Progress>) -> Self {
        Self { socket, framing: Framing::new(), progress, poison: None, broken: false }
    }

    /// Whether the client may still be sending something that nobody will read.
    pub fn has_unread(&self) -> bool {
        self.poison.is_some() || self.broken || !self.framing.is_idle()
    }

    /// The socket alone.
    pub fn into_socket(self) -> S {
        self.socket
    }

    fn serve_poison(&mut self, poison: &'static [u8], buf: &mut ReadBuf<'_>) {
        let taken = poison.len().min(buf.remaining());
        buf.put_slice(&poison[..taken]);
        self.poison = Some(&poison[taken..]);
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the chunks of the body are broken")
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(poison) = this.poison {
            this.serve_poison(poison, buf);
            return Poll::Ready(Ok(()));
        }
        if this.broken {
            return Poll::Ready(Err(broken()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(cx, buf))?;
        match this.framing.feed(&buf.filled()[before..]) {
            Ok(()) => this.progress.read(this.framing.in_head()),
            Err(Refusal::Head(at)) => {
                this.progress.read(false);
                buf.set_filled(before + at);
                this.serve_poison(POISON, buf);
            }
            Err(Refusal::Body(at)) => {
                // What came before is still given: the head may be among it, and wants its answer.
                this.broken = true;
                buf.set_filled(before + at);
                if at == 0 {
                    return Poll::Ready(Err(broken()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.progress.written(result.is_pending());
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        this.progress.written(result.is_pending());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
