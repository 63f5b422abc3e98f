//! One connection: hyper over the checked socket, its timer, its drain and its ending.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use runtime::shutdown::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    Peer, Timeouts,
    body::{Arriving, InFlight, Leaving},
    guard::Guard,
    progress::{Overdue, Progress},
};

/// Most bytes of a head, request line included.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Buffer of hyper; also what an unfinished head may grow to before it is refused.
const BUFFER_BYTES: usize = 64 * 1024;
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// How long and how much an ended connection is still read, so that the client gets to its answer instead of a reset.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_TOTAL: Duration = Duration::from_secs(20);
const LINGER_BYTES: usize = 64 << 20;

enum End {
    Done,
    Overdue(Overdue),
    Hard,
}

/// Serves a connection until it ends.
pub async fn serve(socket: TcpStream, peer: SocketAddr, router: Router, timeouts: Timeouts, shutdown: Shutdown) {
    let progress = Arc::new(Progress::new());
    let service = {
        let (progress, leaving) = (progress.clone(), shutdown.leaving.clone());
        service_fn(move |request: Request<Incoming>| {
            Box::pin(answer(request, peer, router.clone(), timeouts, progress.clone(), leaving.clone()))
        })
    };
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .half_close(true)
        .max_header_size(HEAD_MAX_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(Guard::new(socket, progress.clone())), service);

    let end = {
        let mut sleep = pin!(tokio::time::sleep(timeouts.head));
        let mut soft = pin!(shutdown.soft.cancelled());
        let mut hard = pin!(shutdown.hard.cancelled());
        let mut draining = false;
        poll_fn(|cx| {
            if hard.as_mut().poll(cx).is_ready() {
                return Poll::Ready(End::Hard);
            }
            if !draining && soft.as_mut().poll(cx).is_ready() {
                draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if connection.poll_without_shutdown(cx).is_ready() {
                return Poll::Ready(End::Done);
            }
            // The timer is only ever moved forward here: one that fires too early is set again.
            loop {
                let due = progress.deadline(&timeouts);
                match due {
                    Some((at, overdue)) if at <= Instant::now() => return Poll::Ready(End::Overdue(overdue)),
                    Some((at, _)) if at < sleep.deadline() || sleep.is_elapsed() => sleep.as_mut().reset(at),
                    None if sleep.is_elapsed() => sleep.as_mut().reset(Instant::now() + timeouts.head),
                    _ => {}
                }
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    };

    let guard = connection.into_parts().io.into_inner();
    let unread = guard.has_unread();
    let mut socket = guard.into_socket();
    match end {
        End::Hard | End::Overdue(Overdue::Write) => return,
        End::Overdue(Overdue::Head) => {
            let _ = timeout(LINGER, socket.write_all(TIMED_OUT)).await;
        }
        End::Done | End::Overdue(Overdue::Idle) => {}
    }
    let _ = socket.shutdown().await;
    if unread {
        tokio::select! {
            _ = timeout(LINGER_TOTAL, linger(&mut socket)) => {}
            () = shutdown.hard.cancelled() => {}
        }
    }
}

/// Closing a socket with unread bytes resets it, and the client may lose the answer: the bytes are read and thrown away for a moment.
async fn linger(socket: &mut TcpStream) {
    let mut left = LINGER_BYTES;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(Ok(count)) = timeout(LINGER, socket.read(&mut buffer)).await {
        left = left.saturating_sub(count);
        if count == 0 || left == 0 {
            return;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    timeouts: Timeouts,
    progress: Arc<Progress>,
    leaving: CancellationToken,
) -> Result<Response<Leaving>, Infallible> {
    let in_flight = InFlight::new(progress.clone());
    let mut request =
        request.map(|body| Body::new(Arriving::new(body, timeouts.body, timeouts.upload, progress.clone())));
    request.extensions_mut().insert(Peer(peer));
    let mut response = router.oneshot(request).await?;
    // hyper may close a connection with an unread body, and a process that leaves closes all: a client that is not told would send its
    // next request into the closing.
    if progress.body_is_unread() || leaving.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|inner| Leaving { inner, in_flight }))
}
