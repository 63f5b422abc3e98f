//! What a connection is doing and since when: written by its socket and its service, read by its timer.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::Timeouts;

/// All times are milliseconds since the connection began, plus one; 0 means "not now".
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    head_since: AtomicU64,
    write_blocked_since: AtomicU64,
    idle_since: AtomicU64,
    requests: AtomicU64,
    in_flight: AtomicU32,
    body_ended: AtomicBool,
}

/// Why a connection is ended by its timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// The head began and did not come to its end: answered with 408.
    Head,
    /// Nothing was asked for a while.
    Idle,
    /// The client does not take its answer.
    Write,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// A connection that begins now.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            head_since: AtomicU64::new(0),
            write_blocked_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(1),
            requests: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            body_ended: AtomicBool::new(true),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// The socket gave bytes; `in_head` says whether they end inside a head.
    pub fn read(&self, in_head: bool) {
        if !in_head {
            self.head_since.store(0, Relaxed);
        } else if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// The socket took bytes, or takes none.
    pub fn written(&self, blocked: bool) {
        if !blocked {
            self.write_blocked_since.store(0, Relaxed);
        } else if self.write_blocked_since.load(Relaxed) == 0 {
            self.write_blocked_since.store(self.now(), Relaxed);
        }
    }

    /// Whether the body of the request was read to its end.
    pub fn body_ended(&self, ended: bool) {
        self.body_ended.store(ended, Relaxed);
    }

    /// Whether an answer given now comes before the end of the request's body.
    pub fn body_is_unread(&self) -> bool {
        !self.body_ended.load(Relaxed)
    }

    /// A request was handed to the service.
    pub fn begin(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// Its answer was handed over whole, or dropped.
    pub fn end(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.idle_since.store(self.now(), Relaxed);
        }
    }

    /// When the connection is overdue if nothing happens until then, and what it is then.
    pub fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Overdue)> {
        let head = self.head_since.load(Relaxed);
        let write = self.write_blocked_since.load(Relaxed);
        if write != 0 {
            return Some((self.after(write, timeouts.write), Overdue::Write));
        }
        if self.in_flight.load(Relaxed) > 0 {
            return None;
        }
        if head != 0 {
            return Some((self.after(head, timeouts.head), Overdue::Head));
        }
        let idle = if self.requests.load(Relaxed) == 0 { timeouts.head } else { timeouts.idle };
        Some((self.after(self.idle_since.load(Relaxed), idle), Overdue::Idle))
    }

    fn after(&self, since: u64, wait: Duration) -> Instant {
        self.began + Duration::from_millis(since.saturating_sub(1)) + wait
    }
}
