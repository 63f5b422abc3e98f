//! What a repeated request with an Idempotency-Key gets.

use model::{Code, Error};

/// A recorded operation as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whether the keyed prints of the two bodies are equal.
    pub same_request: bool,
    /// Whether the answer is recorded.
    pub done: bool,
    /// Until when a started operation is left alone, in milliseconds since 1970.
    pub deadline_ms: i64,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// Nothing is recorded: begin.
    Begin,
    /// Begun and left behind: go on with the ids that were written down.
    Resume,
    /// Give the recorded answer.
    Replay,
    /// Refuse.
    Refuse(Error),
}

/// Decides.
pub fn course(recorded: Option<&Recorded>, now_ms: i64) -> Course {
    match recorded {
        None => Course::Begin,
        Some(found) if !found.same_request => Course::Refuse(Error::new(
            Code::IdempotencyKeyReused,
            "This Idempotency-Key belongs to another request. Use a new key for a new request.",
        )),
        Some(found) if found.done => Course::Replay,
        Some(found) if found.deadline_ms > now_ms => Course::Refuse(in_progress()),
        Some(_) => Course::Resume,
    }
}

/// The refusal of a request whose twin is being worked on.
pub fn in_progress() -> Error {
    Error::new(
        Code::IdempotencyInProgress,
        "The first request with this Idempotency-Key is still being worked on. Repeat it in a second.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_begun_refused_resumed_or_replayed() {
        let started = Recorded { same_request: true, done: false, deadline_ms: 10 };
        assert_eq!(course(None, 0), Course::Begin);
        assert_eq!(course(Some(&started), 9), Course::Refuse(in_progress()));
        assert_eq!(course(Some(&started), 10), Course::Resume);
        assert_eq!(course(Some(&Recorded { done: true, ..started.clone() }), 0), Course::Replay);
        let other = Recorded { same_request: false, done: true, ..started };
        assert!(matches!(course(Some(&other), 0), Course::Refuse(error) if error.code == Code::IdempotencyKeyReused));
    }
}
