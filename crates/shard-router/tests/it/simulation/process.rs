//! A process in the simulation, as its databases see it: it can be killed, and stopped and let go on.

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub struct Process {
    pub name: String,
    stopped: AtomicBool,
    dead: AtomicBool,
    goes_on: Notify,
    /// What it wanted to send when it was stopped.
    held: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Process {
    pub fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Sends something: now, when it goes on, or never.
    pub fn send(&self, call: Box<dyn FnOnce() + Send>) {
        match (self.dead.load(Ordering::Relaxed), self.stopped.load(Ordering::Relaxed)) {
            (true, _) => {}
            (_, true) => self.held.lock().unwrap().push(call),
            _ => call(),
        }
    }

    /// Hears something: now, when it goes on, or never.
    pub async fn hear(&self) {
        loop {
            let goes_on = self.goes_on.notified();
            if self.dead.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
            if !self.stopped.load(Ordering::Relaxed) {
                return;
            }
            goes_on.await;
        }
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        for call in held {
            self.send(call);
        }
        self.goes_on.notify_waiters();
    }

    /// What was sent is done; nothing is sent or heard any more.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.held.lock().unwrap().clear();
    }
}
