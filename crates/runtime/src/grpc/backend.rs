//! One address of a service: its connection, kept and looked after by a task, and what is known of its health.
//!
//! A connection counts once its health has been answered: a frozen process still accepts, as the kernel does that for it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{dice, tuning::Tuning};

/// First and longest wait between attempts to connect; a caller who finds nobody else shortens it.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Between two attempts that callers ask for.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// Who was connected this long is dialled again at once.
const SETTLED: Duration = Duration::from_secs(1);

/// A connection and its number, so that the failure of an old one is not held against its successor.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub channel: Channel,
    pub generation: u64,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    /// Not connected. The time of the last attempt that failed, where one has since the connection was lost.
    Down(Option<Instant>),
    /// Connected, and it answers.
    Up(Link),
    /// Connected, but it does not answer or says that it is not ready: for when there is nobody else.
    Doubtful(Link),
}

enum Health {
    Good,
    Doubtful,
    Gone,
}

/// One address.
#[derive(Debug)]
pub(super) struct Backend {
    pub address: SocketAddr,
    state: watch::Sender<State>,
    in_flight: AtomicUsize,
    wanted: Notify,
    /// Told of every change of any backend of the pool.
    changed: watch::Sender<()>,
}

impl Backend {
    pub fn new(address: SocketAddr, changed: watch::Sender<()>) -> Self {
        Self {
            address,
            state: watch::Sender::new(State::Down(None)),
            in_flight: AtomicUsize::new(0),
            wanted: Notify::new(),
            changed,
        }
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), State::Up(_))
    }

    pub fn is_doubtful(&self) -> bool {
        matches!(*self.state.borrow(), State::Doubtful(_))
    }

    /// Whether an attempt to connect that ended after `since` has failed.
    pub fn failed_since(&self, since: Instant) -> bool {
        matches!(*self.state.borrow(), State::Down(Some(at)) if at >= since)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A caller has nobody else: connect now instead of later.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// The connection of that generation is broken.
    pub fn lost(&self, generation: u64) {
        self.change(generation, |_| State::Down(None));
    }

    /// Returns when the connection of that generation is no longer in good health.
    pub async fn doubted(&self, generation: u64) {
        let mut state = self.state.subscribe();
        let good = |state: &State| matches!(state, State::Up(link) if link.generation == generation);
        // It ends with the backend only, which the caller holds.
        let _ = state.wait_for(|state| !good(state)).await;
    }

    /// Connects, looks after the connection, connects again: as long as the backend belongs to its pool.
    pub async fn keep(self: Arc<Self>, endpoint: Endpoint, tuning: Tuning) {
        let mut wait = FIRST_WAIT;
        for generation in 1.. {
            let since = Instant::now();
            match timeout(tuning.connect_patience, endpoint.connect()).await {
                Ok(Ok(channel)) => {
                    self.look_after(&Link { channel, generation }, &tuning).await;
                    if since.elapsed() > SETTLED {
                        wait = FIRST_WAIT;
                        continue;
                    }
                }
                failed => {
                    let error = failed.map_or_else(|_| "no connection in time".to_owned(), told);
                    self.failed(&error);
                }
            }
            tokio::select! {
                () = sleep(dice::around(wait)) => {}
                () = self.wanted.notified() => sleep(SHORTEST_WAIT).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Asks for the health of a connection, now and again, until it is lost.
    async fn look_after(&self, link: &Link, tuning: &Tuning) {
        let mut admitted = false;
        loop {
            let health = health(&link.channel, tuning.probe_patience).await;
            if admitted {
                self.change(link.generation, |link| match health {
                    Health::Good => State::Up(link),
                    Health::Doubtful => State::Doubtful(link),
                    Health::Gone => State::Down(None),
                });
            } else {
                match health {
                    Health::Good => self.set(State::Up(link.clone())),
                    Health::Doubtful => self.set(State::Doubtful(link.clone())),
                    Health::Gone => return self.failed("it closed the connection"),
                }
                admitted = true;
            }
            let mut state = self.state.subscribe();
            tokio::select! {
                () = sleep(dice::around(tuning.probe_every)) => {}
                _ = state.wait_for(|state| matches!(state, State::Down(_))) => return,
            }
        }
    }

    fn failed(&self, reason: &str) {
        if !matches!(*self.state.borrow(), State::Down(Some(_))) {
            tracing::warn!(server.address = %self.address, reason, "a server cannot be reached");
        }
        self.set(State::Down(Some(Instant::now())));
    }

    /// Changes the state where it is still about the connection of that generation.
    fn change(&self, generation: u64, to: impl FnOnce(Link) -> State) {
        let changed = self.state.send_if_modified(|state| match state {
            State::Up(link) | State::Doubtful(link) if link.generation == generation => {
                let was = std::mem::discriminant(state);
                let (State::Up(link) | State::Doubtful(link)) = state.clone() else { return false };
                *state = to(link);
                was != std::mem::discriminant(state)
            }
            _ => false,
        });
        if changed {
            self.tell();
        }
    }

    fn set(&self, state: State) {
        let was = self.state.send_replace(state);
        if std::mem::discriminant(&was) != std::mem::discriminant(&*self.state.borrow()) {
            self.tell();
        }
        // Who waits for a connection must hear of each attempt that failed.
        self.changed.send_replace(());
    }

    fn tell(&self) {
        match &*self.state.borrow() {
            State::Up(_) => tracing::info!(server.address = %self.address, "a server takes calls"),
            State::Doubtful(_) => {
                metrics::counter!("myriad_grpc_client_ejections_total", "cause" => "health").increment(1);
                tracing::warn!(server.address = %self.address, "a server does not answer or is not ready: left alone");
            }
            State::Down(None) => {
                metrics::counter!("myriad_grpc_client_ejections_total", "cause" => "connection").increment(1);
                tracing::info!(server.address = %self.address, "a connection has ended");
            }
            State::Down(Some(_)) => {}
        }
        self.changed.send_replace(());
    }
}

fn told(connected: Result<Channel, tonic::transport::Error>) -> String {
    let Err(error) = connected else { return String::new() };
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

async fn health(channel: &Channel, patience: Duration) -> Health {
    let mut client = HealthClient::new(channel.clone());
    match timeout(patience, client.check(HealthCheckRequest::default())).await {
        Err(_) => Health::Doubtful,
        Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::NotServing => Health::Doubtful,
        // A status without a source was sent by the server: it lives, whatever it thinks of the question.
        Ok(Err(status)) if std::error::Error::source(&status).is_some() => Health::Gone,
        Ok(_) => Health::Good,
    }
}

/// A call on its way; counts until its headers are there or it is given up.
#[derive(Debug)]
pub(super) struct Picked {
    pub backend: Arc<Backend>,
    pub link: Link,
}

impl Picked {
    pub fn new(backend: Arc<Backend>, link: Link) -> Self {
        backend.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { backend, link }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.backend.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
