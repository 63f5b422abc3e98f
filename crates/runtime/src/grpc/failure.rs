//! What a failed attempt means: whether the request left, and whether the connection is to blame.

use std::error::Error;

use tonic::{ConnectError, Status, TimeoutExpired};

/// Why an attempt has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server has not seen the request; the connection is of no more use.
    NotSent,
    /// The server has refused to begin with the request; the connection is good.
    Refused,
    /// The connection broke after the request may have left: what came of it is not known.
    Lost,
    /// The call alone failed.
    Call(Status),
    /// The deadline has passed.
    Late,
}

impl Failure {
    pub fn of(error: &tonic::transport::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<ConnectError>() {
                return Self::NotSent;
            }
            if error.is::<TimeoutExpired>() {
                return Self::Late;
            }
            // Given back by hyper out of its queue, never written.
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
                return Self::NotSent;
            }
            if let Some(h2) = error.downcast_ref::<h2::Error>() {
                return Self::of_h2(h2);
            }
            cause = error.source();
        }
        Self::Lost
    }

    /// RFC 9113, sections 6.8 and 8.7: streams above the last one of a GOAWAY, and refused ones, were not processed.
    fn of_h2(error: &h2::Error) -> Self {
        let reason = error.reason();
        if reason == Some(h2::Reason::REFUSED_STREAM) {
            return Self::Refused;
        }
        if error.is_go_away() && error.is_remote() && reason == Some(h2::Reason::NO_ERROR) {
            return Self::NotSent;
        }
        match reason {
            Some(reason) if error.is_reset() => Self::Call(Status::from_error(Box::new(h2::Error::from(reason)))),
            _ => Self::Lost,
        }
    }

    /// Whether the request may have been seen.
    pub const fn was_sent(&self) -> bool {
        !matches!(self, Self::NotSent | Self::Refused)
    }

    /// Whether the connection is of no more use.
    pub const fn ends_connection(&self) -> bool {
        matches!(self, Self::NotSent | Self::Lost)
    }

    /// What the caller is told. A read that was lost has done nothing; of anything else nobody knows.
    pub fn status(self, read: bool) -> Status {
        match self {
            Self::NotSent | Self::Refused => Status::unavailable("the server went away before the request was sent"),
            Self::Lost if read => Status::unavailable("the connection was lost before the answer"),
            Self::Lost => Status::unknown("the connection was lost before the answer"),
            Self::Call(status) => status,
            Self::Late => Status::deadline_exceeded("no answer in time"),
        }
    }
}
