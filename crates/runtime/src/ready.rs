//! Readiness: a process is ready when every gate that was made is open.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

type Gates = BTreeMap<&'static str, Option<String>>;

/// All gates of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    gates: Arc<Mutex<Gates>>,
    ready: watch::Sender<bool>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { gates: Arc::default(), ready: watch::Sender::new(false) }
    }
}

impl Readiness {
    /// No gates yet: ready.
    pub fn new() -> Self {
        let readiness = Self::default();
        readiness.ready.send_replace(true);
        readiness
    }

    /// Makes a gate, closed with the reason "starting".
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate { name, readiness: self.clone() };
        gate.close("starting");
        gate
    }

    /// What is waited for: gate and reason of each closed one.
    pub fn waiting_for(&self) -> Vec<(&'static str, String)> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.iter().filter_map(|(name, reason)| Some((*name, reason.clone()?))).collect()
    }

    /// Whether all gates are open, now and at every change.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    fn set(&self, name: &'static str, reason: Option<String>) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &reason
            && gates.get(name).is_none_or(|was| was.as_ref() != Some(reason))
        {
            tracing::info!(gate = name, reason, "not ready");
        }
        gates.insert(name, reason);
        let ready = gates.values().all(Option::is_none);
        self.ready.send_if_modified(|was| std::mem::replace(was, ready) != ready);
    }
}

/// One condition of readiness.
#[derive(Debug, Clone)]
pub struct Gate {
    name: &'static str,
    readiness: Readiness,
}

impl Gate {
    /// The condition holds.
    pub fn open(&self) {
        self.readiness.set(self.name, None);
    }

    /// The condition does not hold; the reason is shown by `/readyz`, so no secrets in it.
    pub fn close(&self, reason: impl Into<String>) {
        self.readiness.set(self.name, Some(reason.into()));
    }
}

/// Between two attempts of [`Gate::wait`].
const AGAIN: Duration = Duration::from_millis(500);

impl Gate {
    /// Makes an attempt until it succeeds; the gate is closed meanwhile and says why. An error that does `not heal` ends it.
    ///
    /// # Errors
    /// The first that waiting does not help against.
    pub async fn wait<T, E: fmt::Display>(
        &self,
        heals: impl Fn(&E) -> bool,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            match attempt().await {
                Err(error) if heals(&error) => {
                    self.close(format!("waiting: {error}"));
                    tokio::time::sleep(AGAIN).await;
                }
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_gate_is_open() {
        let readiness = Readiness::new();
        let (a, b) = (readiness.gate("a"), readiness.gate("b"));
        assert!(!*readiness.watch().borrow());
        a.open();
        assert_eq!(readiness.waiting_for(), [("b", "starting".to_owned())]);
        b.open();
        assert!(*readiness.watch().borrow());
        a.close("the database is away");
        assert!(!*readiness.watch().borrow());
    }

    #[tokio::test]
    async fn an_attempt_is_repeated_while_waiting_helps_and_the_reason_is_shown() {
        let readiness = Readiness::new();
        let gate = readiness.gate("shards");
        let mut attempts = 0;
        let ended = gate.wait(
            |error| *error == "away",
            async || {
                attempts += 1;
                match attempts {
                    1 => Err("away"),
                    2 => {
                        assert_eq!(readiness.waiting_for(), [("shards", "waiting: away".to_owned())]);
                        Ok(7)
                    }
                    _ => Err("asked again"),
                }
            },
        );
        assert_eq!(ended.await, Ok(7));
        assert_eq!(gate.wait(|error| *error == "away", async || Err::<(), _>("wrong")).await, Err("wrong"));
    }
}
