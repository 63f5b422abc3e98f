//! A run: connections that each send as fast as they are answered.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::{Connection, Request};

/// What a run saw.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How long each operation took, the shortest first.
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Run {
    /// How many operations.
    pub fn operations(&self) -> usize {
        self.times.len()
    }

    /// Operations a second.
    pub fn per_second(&self) -> f64 {
        ratio(self.times.len(), self.elapsed.as_secs_f64())
    }

    /// The median, in microseconds.
    pub fn p50_us(&self) -> u128 {
        self.percentile_us(50)
    }

    /// The 99th percentile, in microseconds.
    pub fn p99_us(&self) -> u128 {
        self.percentile_us(99)
    }

    /// Another run's operations as well.
    pub fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.times.sort_unstable();
        self.elapsed += other.elapsed;
    }

    fn percentile_us(&self, share: usize) -> u128 {
        self.times.get(self.times.len() * share / 100).map_or(0, Duration::as_micros)
    }
}

/// One connection a request, for `time` or until the requests end. Every answer has to have `status`.
///
/// # Errors
/// Where an answer has another status, or none comes.
pub async fn run(address: &str, status: u16, time: Duration, requests: Vec<Request>) -> Result<Run> {
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for request in requests {
        let address = address.to_owned();
        connections.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut times = Vec::with_capacity(1 << 16);
            while started.elapsed() < time {
                let Some(bytes) = request(times.len()) else { break };
                let sent = Instant::now();
                let answered = connection.exchange(&bytes).await?;
                times.push(sent.elapsed());
                ensure!(answered == status, "answered {answered}");
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(connection) = connections.join_next().await {
        times.extend(connection??);
    }
    let elapsed = started.elapsed();
    times.sort_unstable();
    Ok(Run { times, elapsed })
}

/// Operations by something.
#[expect(clippy::cast_precision_loss, reason = "figures")]
pub fn ratio(operations: usize, by: f64) -> f64 {
    operations as f64 / by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_operations_of_all_runs() {
        let times = |from: u64| (from..from + 50).map(Duration::from_micros).collect();
        let mut run = Run { times: times(50), elapsed: Duration::from_secs(1) };
        run.add(Run { times: times(0), elapsed: Duration::from_secs(1) });
        assert_eq!((run.operations(), run.p50_us(), run.p99_us()), (100, 50, 99));
        assert!((run.per_second() - 50.0).abs() < f64::EPSILON);
    }
}
