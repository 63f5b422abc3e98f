//! A clock and random bytes in the place of the system's, for one thread: what a simulation needs so that the same seed gives the same run.
//!
//! Both are asked for in many places that do not know each other – a mover's lease, the id of a log entry, a waiting time – and a parameter
//! through all of them would be there for the simulation alone. So there is one place where each is read, and this feature, which only
//! tests switch on, puts something else there. In what is shipped it is not compiled.

use std::cell::Cell;

/// What stands in for the system on this thread.
#[derive(Debug, Clone, Copy)]
pub struct StandIn {
    /// The present time in milliseconds since 1970-01-01 UTC.
    pub now_ms: fn() -> i64,
    /// Fills bytes that look random.
    pub fill: fn(&mut [u8]),
}

thread_local! {
    static PRESENT: Cell<Option<StandIn>> = const { Cell::new(None) };
}

/// From now on this thread is told time and chance by `stand_in`; by the system again where it is none.
pub fn put(stand_in: Option<StandIn>) {
    PRESENT.set(stand_in);
}

pub(crate) fn present() -> Option<StandIn> {
    PRESENT.get()
}
