//! A request's body, kept for a repeat where it is small and whole already, as that of a unary call is.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use tonic::{Status, body::Body};

/// What is kept of a request, at most.
const KEPT_BYTES: usize = 64 * 1024;

/// A body to send.
#[derive(Debug)]
pub(super) enum Payload {
    /// All of it: can be sent as often as needed.
    Whole(Bytes),
    /// A stream, or too large to keep: can be sent once.
    Once(Option<Body>),
}

impl Payload {
    /// Takes what is there without waiting for more.
    pub fn of(mut body: Body) -> Self {
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken: VecDeque<Bytes> = VecDeque::new();
        let mut bytes = 0;
        loop {
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Ready(None) => return Self::Whole(joined(taken, bytes)),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        bytes += data.len();
                        taken.push_back(data);
                        if bytes > KEPT_BYTES {
                            return Self::once(taken, None, body);
                        }
                    }
                    Err(trailers) => return Self::once(taken, Some(Ok(trailers)), body),
                },
                Poll::Ready(Some(Err(error))) => return Self::once(taken, Some(Err(error)), body),
                Poll::Pending => return Self::once(taken, None, body),
            }
        }
    }

    fn once(taken: VecDeque<Bytes>, last: Option<Result<Frame<Bytes>, Status>>, rest: Body) -> Self {
        let ahead = taken.into_iter().map(|data| Ok(Frame::data(data))).chain(last).collect();
        Self::Once(Some(Body::new(Resumed { ahead, rest })))
    }

    /// The body for an attempt; none where it has been sent and was not kept.
    pub fn body(&mut self) -> Option<Body> {
        match self {
            Self::Whole(bytes) => Some(Body::new(Full::new(bytes.clone()))),
            Self::Once(body) => body.take(),
        }
    }

    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

fn joined(mut taken: VecDeque<Bytes>, bytes: usize) -> Bytes {
    if taken.len() <= 1 {
        return taken.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(bytes);
    for data in &taken {
        whole.extend_from_slice(data);
    }
    whole.freeze()
}

/// What was taken already, then the rest.
struct Resumed {
    ahead: VecDeque<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl http_body::Body for Resumed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn of(parts: Vec<Bytes>, open: bool) -> Payload {
        let frames = stream::iter(parts).map(|part| Ok::<_, Status>(Frame::data(part)));
        let tail = if open {
            stream::iter(0..1).then(|_| async { tokio::task::yield_now().await }).boxed()
        } else {
            stream::empty().boxed()
        };
        let tail = tail.map(|()| Ok(Frame::data(Bytes::from_static(b"late"))));
        Payload::of(Body::new(StreamBody::new(frames.chain(tail).boxed())))
    }

    async fn sent(payload: &mut Payload) -> Option<Bytes> {
        Some(payload.body()?.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_small_whole_body_is_sent_as_often_as_needed() {
        let mut payload = of(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")], false);
        assert!(payload.is_whole());
        for _ in 0..2 {
            assert_eq!(sent(&mut payload).await.unwrap(), "abc");
        }
    }

    #[tokio::test]
    async fn a_large_or_slow_body_is_sent_once_and_whole() {
        let large = Bytes::from(vec![7; KEPT_BYTES]);
        let mut payload = of(vec![large.clone(), Bytes::from_static(b"x")], false);
        assert!(!payload.is_whole());
        assert_eq!(sent(&mut payload).await.unwrap().len(), KEPT_BYTES + 1);
        assert!(payload.body().is_none());
        let mut payload = of(vec![Bytes::from_static(b"early ")], true);
        assert_eq!(sent(&mut payload).await.unwrap(), "early late");
        assert!(payload.body().is_none());
    }
}
