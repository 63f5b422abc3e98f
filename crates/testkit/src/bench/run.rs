//! A run: connections that each send as fast as they are answered.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use super::{Connection, Request};

/// What a run saw.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How long each operation took, the shortest first.
    times: Vec<Duration>,
    elapsed: Duration,
    refused: BTreeMap<String, usize>,
}

impl Run {
    /// Of operations that took so long each, in any order, done within a time.
    pub fn of(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        times.sort_unstable();
        Self { times, elapsed, refused: BTreeMap::new() }
    }

    /// How many operations were done.
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

    /// The longest, in microseconds.
    pub fn slowest_us(&self) -> u128 {
        self.times.last().map_or(0, Duration::as_micros)
    }

    /// How many were refused with 503 and so count for nothing else, by the code of the problem, as text to print behind the figures.
    pub fn refused(&self) -> String {
        self.refused.iter().fold(String::new(), |text, (code, count)| text + &format!(", refused as {code}: {count}"))
    }

    /// Another run's operations as well.
    pub fn add(&mut self, other: Self) {
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.times.extend(other.times);
        self.times.sort_unstable();
        self.elapsed += other.elapsed;
    }

    fn percentile_us(&self, share: usize) -> u128 {
        self.times.get(self.times.len() * share / 100).map_or(0, Duration::as_micros)
    }
}

/// One connection a request, for `time` or until the requests end. Every answer has to have `status`, or be the 503 of a server
/// that has too much to do.
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
            let (mut times, mut refused) = (Vec::with_capacity(1 << 16), Vec::new());
            while started.elapsed() < time {
                let Some(bytes) = request(times.len() + refused.len()) else { break };
                let sent = Instant::now();
                match connection.exchange(&bytes).await? {
                    answered if answered == status => times.push(sent.elapsed()),
                    503 => refused.push(connection.code().to_owned()),
                    answered => bail!("answered {answered}"),
                }
            }
            Ok((times, refused))
        });
    }
    let (mut all, mut refusals) = (Vec::new(), BTreeMap::new());
    while let Some(connection) = connections.join_next().await {
        let (times, refused) = connection??;
        all.extend(times);
        for code in refused {
            *refusals.entry(code).or_default() += 1;
        }
    }
    Ok(Run { refused: refusals, ..Run::of(all, started.elapsed()) })
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
        let mut run = Run { times: times(50), elapsed: Duration::from_secs(1), ..Run::default() };
        run.add(Run { times: times(0), elapsed: Duration::from_secs(1), ..Run::default() });
        assert_eq!((run.operations(), run.p50_us(), run.p99_us()), (100, 50, 99));
        assert!((run.per_second() - 50.0).abs() < f64::EPSILON);
    }
}
