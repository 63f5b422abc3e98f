//! Wakes those who watch an image when it changes in this process.
//!
//! A fixed number of slots, so nothing has to be cleaned up: images share a slot, and who is woken looks at its own row.
//! Changes made by other processes are found by the watcher's slow poll.

use std::sync::Arc;

use model::ImageId;
use tokio::sync::watch;

const SLOTS: usize = 256;

/// The slots. Clones share them.
#[derive(Clone)]
pub struct Notices(Arc<[watch::Sender<u64>]>);

impl Default for Notices {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| watch::Sender::new(0)).collect())
    }
}

impl Notices {
    /// Tells of a change that is committed.
    pub fn tell(&self, image: &ImageId) {
        if let Some(slot) = self.slot(image) {
            slot.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Subscribe first, then read the row: no change falls between.
    pub fn subscribe(&self, image: &ImageId) -> watch::Receiver<u64> {
        self.slot(image).map_or_else(|| watch::Sender::new(0).subscribe(), watch::Sender::subscribe)
    }

    /// The last digits of a time-ordered id are its random part.
    fn slot(&self, image: &ImageId) -> Option<&watch::Sender<u64>> {
        let digits = image.as_str();
        let last = usize::from_str_radix(digits.get(digits.len().checked_sub(2)?..)?, 16).ok()?;
        self.0.get(last % SLOTS)
    }
}
