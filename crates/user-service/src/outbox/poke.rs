//! Wakes the dispatcher when there is something to deliver, so that it need not look all the time.

use tokio::sync::watch;

/// One bell for each lane. Clones share them.
#[derive(Clone)]
pub struct Poke {
    jobs: watch::Sender<u64>,
    others: watch::Sender<u64>,
}

impl Default for Poke {
    fn default() -> Self {
        Self { jobs: watch::Sender::new(0), others: watch::Sender::new(0) }
    }
}

impl Poke {
    /// A job was committed.
    pub fn job(&self) {
        ring(&self.jobs);
    }

    /// Another event was committed.
    pub fn other(&self) {
        ring(&self.others);
    }

    /// Hears of jobs.
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.jobs.subscribe()
    }

    /// Hears of other events.
    pub fn others(&self) -> watch::Receiver<u64> {
        self.others.subscribe()
    }
}

fn ring(bell: &watch::Sender<u64>) {
    bell.send_modify(|count| *count = count.wrapping_add(1));
}
