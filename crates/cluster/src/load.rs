//! Load at a constant rate over kept connections, 4 reads to 1 change, each failure written down, each change in a ledger.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use testkit::{
    Api, Ledger, Person,
    bench::{Connection, Request, get_as, patch},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a run saw.
#[derive(Debug, Default)]
pub struct Seen {
    answered: AtomicUsize,
    slowest_us: AtomicUsize,
    failures: Mutex<Vec<(Duration, u64, String)>>,
}

impl Seen {
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// When after the beginning, whose request, and what happened.
    pub fn failures(&self) -> Vec<(Duration, u64, String)> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `20000 requests, 0 failed, slowest 81 ms`.
    pub fn text(&self) -> String {
        let slowest = self.slowest_us.load(Ordering::Relaxed) / 1000;
        format!("{} requests, {} failed, slowest {slowest} ms", self.answered(), self.failures().len())
    }

    /// Nothing failed.
    ///
    /// # Errors
    /// Names the first few.
    pub fn spotless(&self) -> Result<String> {
        let failures = self.failures();
        ensure!(failures.is_empty(), "{}: {:?}", self.text(), &failures[..failures.len().min(6)]);
        Ok(self.text())
    }

    fn failed(&self, since: Instant, user: u64, what: String) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push((since.elapsed(), user, what));
    }
}

/// People who read and change their profiles.
#[derive(Debug)]
pub struct Load {
    pub seen: Arc<Seen>,
    pub begun: Instant,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    people: Vec<Person>,
    clients: JoinSet<()>,
}

impl Load {
    /// One connection a person, all together so many requests a second.
    pub fn start(address: &str, people: &[Person], per_second: u32) -> Self {
        let pause = Duration::from_secs(1) * u32::try_from(people.len()).unwrap_or(1) / per_second;
        let mut load = Self {
            seen: Arc::default(),
            begun: Instant::now(),
            ledger: Arc::default(),
            stop: Arc::default(),
            people: people.to_vec(),
            clients: JoinSet::new(),
        };
        for john in people {
            let client = Client {
                address: address.to_owned(),
                john: john.clone(),
                seen: load.seen.clone(),
                begun: load.begun,
                ledger: load.ledger.clone(),
            };
            let stop = load.stop.clone();
            load.clients.spawn(client.go(pause, stop));
        }
        load
    }

    /// Waits for so many answers in all.
    pub async fn until(&self, answers: usize) {
        while self.seen.answered() < answers {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it, and holds the ledger against the server: how many changes were acknowledged.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub async fn end(mut self, api: &Api) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        while self.clients.join_next().await.is_some() {}
        for john in &self.people {
            let user = api.get(&john.path()).bearer(&john.token).send().await.expect(200);
            let lost = self.ledger.violation(&john.path(), user["lastName"].as_str());
            ensure!(lost.is_none(), "lost: {lost:?}");
        }
        Ok(self.ledger.acknowledgements())
    }
}

struct Client {
    address: String,
    john: Person,
    seen: Arc<Seen>,
    begun: Instant,
    ledger: Arc<Ledger>,
}

impl Client {
    async fn go(self, pause: Duration, stop: Arc<AtomicBool>) {
        let (read, change): (Request, Request) = (get_as(&self.john), patch(&self.john));
        let mut ticks = interval(pause);
        // What a slow answer held up is sent later, so that the rate is kept.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut kept = None;
        for number in 0_usize.. {
            ticks.tick().await;
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let changes = number % 5 == 4;
            let value = format!("Smith {number}");
            if changes {
                self.ledger.sent(&self.john.path(), &value);
            }
            let bytes = if changes { change(number) } else { read(number) }.unwrap_or_default();
            let at = Instant::now();
            match timeout(PATIENCE, exchange(&self.address, &mut kept, &bytes)).await {
                Ok(Ok((200, _))) if changes => self.ledger.acknowledged(&self.john.path(), &value),
                Ok(Ok((200, _))) => {}
                Ok(Ok((status, code))) => {
                    let took = at.elapsed().as_millis();
                    self.seen.failed(
                        self.begun,
                        self.john.id,
                        format!("{status} {code} after {took} ms, changes: {changes}"),
                    );
                }
                Ok(Err(error)) => self.seen.failed(self.begun, self.john.id, format!("{error:#}")),
                Err(_) => self.seen.failed(self.begun, self.john.id, format!("no answer in {PATIENCE:?}")),
            }
            let took = usize::try_from(at.elapsed().as_micros()).unwrap_or(usize::MAX);
            self.seen.slowest_us.fetch_max(took, Ordering::Relaxed);
            self.seen.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Over the kept connection, or a new one where the last answer said that it closes, or it failed. The status, and the problem's code.
async fn exchange(address: &str, kept: &mut Option<Connection>, bytes: &[u8]) -> Result<(u16, String)> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let status = connection.exchange(bytes).await?;
    let code = connection.code().to_owned();
    if !connection.closes() {
        *kept = Some(connection);
    }
    Ok((status, code))
}
