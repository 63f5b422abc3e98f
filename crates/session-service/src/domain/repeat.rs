//! What to do with a sign-in whose Idempotency-Key was seen before.

/// What makes a repeated request recognisable: keyed prints made by the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    /// Of caller, method, path and key.
    pub(crate) key_hash: [u8; 32],
    /// Of the request.
    pub(crate) request_hash: [u8; 32],
}

/// What is on record under a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded {
    pub(crate) request_hash: [u8; 32],
    pub(crate) answered: bool,
    /// Until then the first request counts as being worked on.
    pub(crate) deadline_ms: i64,
    /// From then on the record counts for nothing.
    pub(crate) expires_at_ms: i64,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing valid is on record: begin.
    Begin,
    /// The key belongs to another request.
    Reused,
    /// Give the recorded answer.
    Answer,
    /// The first request is still being worked on.
    Wait,
    /// The first request was left behind: go on with its ids.
    Resume,
}

impl Repeat {
    pub(crate) fn decide(&self, recorded: &Recorded, now_ms: i64) -> Decision {
        if recorded.expires_at_ms <= now_ms {
            Decision::Begin
        } else if recorded.request_hash != self.request_hash {
            Decision::Reused
        } else if recorded.answered {
            Decision::Answer
        } else if now_ms < recorded.deadline_ms {
            Decision::Wait
        } else {
            Decision::Resume
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_decides() {
        let repeat = Repeat { key_hash: [1; 32], request_hash: [2; 32] };
        let started = Recorded { request_hash: [2; 32], answered: false, deadline_ms: 10, expires_at_ms: 100 };
        let done = Recorded { answered: true, ..started };
        let other = Recorded { request_hash: [3; 32], ..done };
        assert_eq!(repeat.decide(&started, 9), Decision::Wait);
        assert_eq!(repeat.decide(&started, 10), Decision::Resume);
        assert_eq!(repeat.decide(&done, 9), Decision::Answer);
        assert_eq!(repeat.decide(&done, 99), Decision::Answer);
        assert_eq!(repeat.decide(&other, 9), Decision::Reused);
        for gone in [started, done, other] {
            assert_eq!(repeat.decide(&gone, 100), Decision::Begin);
        }
    }
}
