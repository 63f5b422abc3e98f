//! Bodies: a request's that may not stall, an answer's that tells when it is done.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::progress::Progress;

/// Why a request's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for too long: answered with 408.
    #[error("the body stalled")]
    Stalled,
    /// The connection or the framing broke.
    #[error("the body broke off: {0}")]
    Broken(#[source] hyper::Error),
}

/// A request body that fails when nothing comes for a while, or when it takes too long in all, and that tells when it was read whole.
#[derive(Debug)]
pub struct Arriving {
    inner: hyper::body::Incoming,
    progress: Arc<Progress>,
    stall: Duration,
    ends: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    /// `stall`: longest wait for the next bytes; `total`: longest time for the whole.
    pub fn new(inner: hyper::body::Incoming, stall: Duration, total: Duration, progress: Arc<Progress>) -> Self {
        progress.body_ended(inner.is_end_stream());
        Self { inner, progress, stall, ends: Instant::now() + total, timer: None }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.timer = None;
            this.progress.body_ended(frame.is_none() || this.inner.is_end_stream());
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let until = this.ends.min(Instant::now() + this.stall);
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        timer.as_mut().poll(cx).map(|()| Some(Err(BodyError::Stalled)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Counts a request as in flight until dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Progress>);

impl InFlight {
    /// Counts from now on.
    pub fn new(progress: Arc<Progress>) -> Self {
        progress.begin();
        Self(progress)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// An answer's body that keeps its request counted.
#[derive(Debug)]
pub struct Leaving {
    /// The body.
    pub inner: axum::body::Body,
    /// Dropped with the body.
    pub in_flight: InFlight,
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
