//! What the server acknowledged, kept by the client, so that it can be held against the server afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Acknowledged values by key: the last acknowledged one, and every one sent since whose answer never came.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<BTreeMap<String, Entry>>,
    acknowledgements: AtomicUsize,
}

#[derive(Debug, Default, Clone)]
struct Entry {
    acknowledged: Option<String>,
    in_doubt: Vec<String>,
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A write is about to be sent: from now on either value may be found.
    pub fn sent(&self, key: &str, value: &str) {
        self.with(key, |entry| entry.in_doubt.push(value.to_owned()));
    }

    /// It was acknowledged: older values may not be found any more.
    pub fn acknowledged(&self, key: &str, value: &str) {
        self.with(key, |entry| {
            entry.acknowledged = Some(value.to_owned());
            entry.in_doubt.clear();
        });
        self.acknowledgements.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of acknowledged writes so far.
    pub fn acknowledgements(&self) -> usize {
        self.acknowledgements.load(Ordering::Relaxed)
    }

    /// It was refused: it may not be found.
    pub fn refused(&self, key: &str, value: &str) {
        self.with(key, |entry| entry.in_doubt.retain(|doubtful| doubtful != value));
    }

    /// Number of keys with an acknowledged value.
    pub fn len(&self) -> usize {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().filter(|entry| entry.acknowledged.is_some()).count()
    }

    /// Whether nothing was acknowledged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys that have an acknowledged value.
    pub fn keys(&self) -> Vec<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|(_, entry)| entry.acknowledged.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Says what is wrong with the value found for a key, if anything. `None` found means there is no such thing.
    pub fn violation(&self, key: &str, found: Option<&str>) -> Option<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key)?;
        let expected = entry.acknowledged.as_deref();
        let allowed = found == expected || found.is_some_and(|value| entry.in_doubt.iter().any(|doubt| doubt == value));
        (!allowed).then(|| format!("{key}: acknowledged {expected:?}, found {found:?}"))
    }

    fn with(&self, key: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        change(entries.entry(key.to_owned()).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_acknowledged_write_is_a_violation_and_one_in_doubt_is_none() {
        let ledger = Ledger::new();
        ledger.sent("a", "1");
        ledger.acknowledged("a", "1");
        ledger.sent("a", "2");
        assert_eq!(ledger.violation("a", Some("1")), None);
        assert_eq!(ledger.violation("a", Some("2")), None);
        assert!(ledger.violation("a", None).is_some());
        ledger.acknowledged("a", "2");
        assert!(ledger.violation("a", Some("1")).is_some());
        ledger.sent("a", "3");
        ledger.refused("a", "3");
        assert!(ledger.violation("a", Some("3")).is_some());
    }
}
