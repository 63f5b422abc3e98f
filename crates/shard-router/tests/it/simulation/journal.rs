//! What happened, line by line, with the virtual time: the log that two runs of a seed are compared by.

use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// Clones share the pages.
#[derive(Clone)]
pub struct Journal {
    begun: Instant,
    pages: Arc<Mutex<String>>,
}

impl Journal {
    pub fn begin() -> Self {
        Self { begun: Instant::now(), pages: Arc::default() }
    }

    pub fn note(&self, who: &str, what: impl Display) {
        let at = self.begun.elapsed().as_micros();
        writeln!(self.pages.lock().unwrap(), "{:>4}.{:06} {who}: {what}", at / 1_000_000, at % 1_000_000).unwrap();
    }

    /// Takes everything that was written.
    pub fn take(&self) -> String {
        std::mem::take(&mut self.pages.lock().unwrap())
    }
}
