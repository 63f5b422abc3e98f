//! Readers that come at a fixed rate, whether they are answered or not: a slow answer is in the figures of all who waited behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::bench::{Connection, Run, get};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const CONNECTIONS: u32 = 16;
/// Zipf's exponent.
const EXPONENT: f64 = 1.1;

/// Users, some much more often than others.
pub struct Zipf {
    first: u64,
    /// Up to each rank, which part of all draws there is.
    sums: Vec<f64>,
}

impl Zipf {
    pub fn new(first: u64, count: u32) -> Self {
        let mut sum = 0.0;
        let up_to = |rank: u32| {
            sum += f64::from(rank).powf(-EXPONENT);
            sum
        };
        let sums: Vec<f64> = (1..=count).map(up_to).collect();
        Self { first, sums: sums.into_iter().map(|part| part / sum).collect() }
    }

    /// The user of a number from 0 to 1. Neighbours in rank are far from each other in id.
    fn user(&self, number: f64) -> u64 {
        let rank = self.sums.partition_point(|sum| *sum < number).min(self.sums.len() - 1);
        self.first + (rank as u64 * 7_919) % self.sums.len() as u64
    }
}

/// Readers at work.
pub struct Readers {
    begun: Instant,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Vec<Duration>>>,
}

impl Readers {
    /// Begins with so many reads a second of everybody but the celebrity, and of it, each on connections of their own.
    pub fn begin(address: &str, zipf: &Arc<Zipf>, others: u32, star: &str, of_star: u32) -> Self {
        let (stop, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for number in 0..CONNECTIONS {
            let (zipf, mut random) = (Arc::clone(zipf), fastrand::Rng::with_seed(u64::from(number)));
            let others_of = move || get(&format!("/v1/users/{}", zipf.user(random.f64())));
            tasks.spawn(read(address.to_owned(), others, number, Arc::clone(&stop), others_of));
            if of_star > 0 {
                let request = get(star);
                let read = read(address.to_owned(), of_star, number, Arc::clone(&stop), move || request.clone());
                tasks.spawn(async move { read.await.map(|_| Vec::new()) });
            }
        }
        Self { begun: Instant::now(), stop, tasks }
    }

    /// Ends: what everybody but the celebrity's readers saw, each from when it was due.
    pub async fn end(mut self) -> Result<Run> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            times.extend(ended??);
        }
        ensure!(!times.is_empty(), "nobody read");
        Ok(Run::of(times, self.begun.elapsed()))
    }
}

async fn read(
    address: String,
    rate: u32,
    number: u32,
    stop: Arc<AtomicBool>,
    mut request: impl FnMut() -> Vec<u8>,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(&address).await?;
    let every = Duration::from_secs(1) * CONNECTIONS / rate;
    let mut due = Instant::now() + every * number / CONNECTIONS;
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        sleep_until(due).await;
        let status = connection.exchange(&request()).await?;
        ensure!(status == 200, "answered {status}");
        times.push(due.elapsed());
        due += every;
    }
    Ok(times)
}
